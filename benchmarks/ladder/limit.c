/* Rung 7: the limit. Walk through the rows in C, and with FILE also write them as lines of CSV.

   cc -O2 -o limit limit.c -lsqlite3
   ./limit DATABASE QUERY [FILE]

   It prints the number of rows. The last two columns are the pages and the price. */

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

static void write_cell(FILE *file, const char *text) {
    if (!text[strcspn(text, ",\"\r\n")]) {
        fputs(text, file);
        return;
    }
    putc('"', file);
    for (; *text; text++) {
        if (*text == '"') putc('"', file);
        putc(*text, file);
    }
    putc('"', file);
}

int main(int count, char **arguments) {
    sqlite3 *database;
    sqlite3_stmt *query;
    FILE *file = count > 3 ? fopen(arguments[3], "wb") : NULL;
    if (count < 3 || (count > 3 && !file)) return 2;
    if (sqlite3_open_v2(arguments[1], &database, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK) return 3;
    if (sqlite3_prepare_v2(database, arguments[2], -1, &query, NULL) != SQLITE_OK) return 4;

    int columns = sqlite3_column_count(query), status;
    for (int column = 0; file && column < columns; column++) {
        fprintf(file, "%s%s", column ? "," : "", sqlite3_column_name(query, column));
    }
    if (file) fputs("\r\n", file);

    long rows = 0;
    for (; (status = sqlite3_step(query)) == SQLITE_ROW; rows++) {
        for (int column = 0; column < columns - 2; column++) {
            const char *text = (const char *)sqlite3_column_text(query, column);
            if (!file) continue;
            write_cell(file, text);
            putc(',', file);
        }
        int pages = sqlite3_column_int(query, columns - 2);
        double price = sqlite3_column_double(query, columns - 1);
        if (file) fprintf(file, "%d,%.2f\r\n", pages, price);
    }
    printf("%ld\n", rows);
    sqlite3_finalize(query);
    sqlite3_close(database);
    return status == SQLITE_DONE && !(file && fclose(file)) ? 0 : 5;
}

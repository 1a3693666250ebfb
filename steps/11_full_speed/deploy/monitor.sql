-- What a monitor can ask PostgreSQL for.
SELECT count(*) FILTER (WHERE state = 'waiting') AS waiting,
       now() - min(created_at) FILTER (WHERE state = 'waiting') AS longest_wait,
       count(*) FILTER (WHERE state = 'failed' AND finished_at > now() - interval '1 hour') AS failed_in_an_hour
FROM exports_export;

DROP INDEX mini_codes_by_age;

DROP INDEX imports_with_files;

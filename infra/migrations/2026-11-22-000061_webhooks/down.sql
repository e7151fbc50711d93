DROP INDEX events_by_time; DROP INDEX events_of_community;
DROP TABLE webhook_deliveries; DROP TABLE webhook_secrets; DROP TABLE webhooks;

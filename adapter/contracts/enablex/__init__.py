"""The EnableX front end: Voice API routes, webhooks and their words."""

NAME = "enablex"

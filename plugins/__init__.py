"""The plug-ins that come with the adapter: of it they import `adapter.plugin_api` only."""

"""Small applications that use the API, and the demonstration that runs them."""

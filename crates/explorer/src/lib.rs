//! Shows the chain to people in a browser.

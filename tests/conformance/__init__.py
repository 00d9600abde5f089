"""What a contract's document says, row by row, and the tests that hold us to it."""

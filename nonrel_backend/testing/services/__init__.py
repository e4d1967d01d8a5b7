"""The servers that the tests of backends run on."""

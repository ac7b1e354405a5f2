"""`avatar edge --setup`: choosing the devices of a call, hearing and seeing each of them."""

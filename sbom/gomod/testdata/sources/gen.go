package main

// The names of the colours.
//go:generate go run example.org/stringer@latest -type=Colour

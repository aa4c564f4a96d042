module example.org/logging

go 1.26.0

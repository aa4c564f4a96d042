module example.com/app

go 1.26

require (
	example.com/gone v1.0.0
	example.com/lib v1.2.3
)

module example.com/app

go 1.26.0

require (
	git.corp.example.com/lib v1.4.0
	example.org/lib v1.2.3
	example.org/logging v0.9.0
)

replace example.org/logging => ./logging

replace example.org/lib => example.org/fork v1.2.4

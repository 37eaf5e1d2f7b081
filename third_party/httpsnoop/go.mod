module github.com/felixge/httpsnoop

go 1.26.0

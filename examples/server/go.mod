module github.com/grantor-go/grantor/examples/server

go 1.25.0

require (
	github.com/grantor-go/grantor v0.0.0
	github.com/stretchr/testify v1.12.1
)

replace github.com/grantor-go/grantor => ../..

// Package interop has tests only: real clients, unmodified, against the program in
// examples/server over real HTTP.
//
//	./setup.sh
//	go test ./...
//
// Without Node.js or Chromium the tests that need them are skipped, but fail where
// CI is set.
package interop

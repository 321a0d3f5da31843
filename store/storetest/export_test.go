package storetest

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
)

// Failures runs every check on the engine as Run does, and returns what Run
// would have failed with.
func Failures(t *testing.T, e Engine) []string {
	r := new(recorder)
	for _, c := range checks() {
		var wg sync.WaitGroup
		wg.Go(func() { c.run(e.probe(t, r, c.promise)) })
		wg.Wait()
	}
	return r.failures
}

// Promises returns the names of the checks.
func Promises() []string {
	var promises []string
	for _, c := range checks() {
		promises = append(promises, c.promise)
	}
	return promises
}

// A recorder is a test whose failures are only noted. One check at a time uses it.
type recorder struct{ failures []string }

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) FailNow() { runtime.Goexit() }

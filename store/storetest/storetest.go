// Package storetest holds the promises of a [store.Store] as tests that anyone
// can run against an engine of their own:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, storetest.Engine{
//			Open: func(t *testing.T) store.Store { return newEmptyStore(t) },
//		})
//	}
//
// For the tests of programs that use a Store it has three that misbehave on
// request: [Slow] makes races show, [Faulty] fails chosen calls, and [Counting]
// tells how many there were.
package storetest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/grantor-go/grantor/store"
)

// An Engine is what Run examines.
type Engine struct {
	// Open returns an empty store. It is called once for each promise, one after
	// the other, and cleans up by t.Cleanup.
	Open func(t *testing.T) store.Store

	// Replica returns a second way to what s keeps, as another process would have
	// it. Nil: the engine has but one.
	Replica func(t *testing.T, s store.Store) store.Store

	// Clock is the time the stores live by, if it can be set. Nil: they live by
	// the time of this machine, and Run waits, some fifteen seconds in all, for
	// records to expire.
	Clock *Clock
}

// Run checks that the engine keeps every promise of store.Store. Each is a
// subtest of its own, named by the promise.
func Run(t *testing.T, e Engine) {
	for _, c := range checks() {
		t.Run(c.promise, func(t *testing.T) { c.run(e.probe(t, t, c.promise)) })
	}
}

// A check examines one promise.
type check struct {
	promise string
	run     func(p *probe)
}

func checks() []check {
	return slices.Concat(putChecks(), expiryChecks(), findChecks(), deleteChecks(), valueChecks(), raceChecks())
}

// A Clock stands still until it is advanced. It may be used concurrently.
type Clock struct {
	mu      sync.Mutex
	elapsed time.Duration
}

// Now returns the time. A new Clock shows the beginning of 2030, UTC.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Date(2030, time.January, 1, 0, 0, 0, 0, time.UTC).Add(c.elapsed)
}

// Advance moves the clock forward.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.elapsed += d
}

package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grantor-go/grantor/store"
)

// Slow returns s with a delay before and after each call, so that what others do
// meanwhile shows. A context that ends during the first delay keeps the call
// from s; one that ends during the second does not undo it.
func Slow(s store.Store, d time.Duration) store.Store {
	return around{func(ctx context.Context, _ string, _ store.Kind, call func() error) error {
		if err := pause(ctx, d); err != nil {
			return err
		}
		err := call()
		if late := pause(ctx, d); err == nil {
			err = late
		}
		return err
	}, s}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// ErrInjected is what a call fails with because a Faulty was told so. To the
// caller it is an engine in trouble.
var ErrInjected = errors.New("storetest: injected failure")

// A Fault is a way for a call to fail.
type Fault int

const (
	// None lets the call through.
	None Fault = iota
	// Before fails the call, and Store never hears of it.
	Before
	// After carries the call out and fails it all the same, as when the answer is
	// lost on the way.
	After
	// Hang waits for the end of the caller's context, and Store never hears of
	// the call. With a context that does not end it waits forever.
	Hang
	// Conflict answers a Put with store.ErrConflict, and Store never hears of it.
	// Other calls cannot conflict; they fail as with Before.
	Conflict
)

// A Call is one use of a Store.
type Call struct {
	N    int    // 1 for the first call
	Op   string // "get", "put", "find" or "delete"
	Kind store.Kind
}

// String returns, for example, "call 3: put grant".
func (c Call) String() string { return fmt.Sprintf("call %d: %s %s", c.N, c.Op, c.Kind) }

// A Faulty is a store.Store that fails chosen calls. Set its fields before the
// first call.
type Faulty struct {
	Store store.Store
	// Fail decides about each call, and must be safe for concurrent use. Nil: no
	// call fails.
	Fail func(Call) Fault

	calls atomic.Int64
}

var _ store.Store = (*Faulty)(nil)

// Get is Store's, or fails.
func (f *Faulty) Get(ctx context.Context, kind store.Kind, id string) (store.Record, error) {
	return around{f.fail, f.Store}.Get(ctx, kind, id)
}

// Put is Store's, or fails.
func (f *Faulty) Put(ctx context.Context, r store.Record) error {
	return around{f.fail, f.Store}.Put(ctx, r)
}

// Find is Store's, or fails.
func (f *Faulty) Find(ctx context.Context, q store.Query) ([]store.Record, error) {
	return around{f.fail, f.Store}.Find(ctx, q)
}

// Delete is Store's, or fails.
func (f *Faulty) Delete(ctx context.Context, q store.Query) (int, error) {
	return around{f.fail, f.Store}.Delete(ctx, q)
}

func (f *Faulty) fail(ctx context.Context, op string, kind store.Kind, call func() error) error {
	n := int(f.calls.Add(1))
	fault := None
	if f.Fail != nil {
		fault = f.Fail(Call{N: n, Op: op, Kind: kind})
	}
	switch {
	case fault == None:
		return call()
	case fault == After:
		_ = call() // whatever the answer was, it is lost
	case fault == Hang:
		<-ctx.Done()
		return ctx.Err()
	case fault == Conflict && op == "put":
		return store.ErrConflict
	}
	return ErrInjected
}

// A Counting is a store.Store that counts the calls it passes on.
type Counting struct {
	Store store.Store

	mu    sync.Mutex
	calls map[string]int
}

var _ store.Store = (*Counting)(nil)

// Calls returns how many calls there were of an operation: "get", "put", "find"
// or "delete".
func (c *Counting) Calls(op string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls[op]
}

// Reset forgets the calls so far.
func (c *Counting) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.calls)
}

// Get is Store's.
func (c *Counting) Get(ctx context.Context, kind store.Kind, id string) (store.Record, error) {
	return around{c.count, c.Store}.Get(ctx, kind, id)
}

// Put is Store's.
func (c *Counting) Put(ctx context.Context, r store.Record) error {
	return around{c.count, c.Store}.Put(ctx, r)
}

// Find is Store's.
func (c *Counting) Find(ctx context.Context, q store.Query) ([]store.Record, error) {
	return around{c.count, c.Store}.Find(ctx, q)
}

// Delete is Store's.
func (c *Counting) Delete(ctx context.Context, q store.Query) (int, error) {
	return around{c.count, c.Store}.Delete(ctx, q)
}

func (c *Counting) count(_ context.Context, op string, _ store.Kind, call func() error) error {
	c.mu.Lock()
	if c.calls == nil {
		c.calls = make(map[string]int)
	}
	c.calls[op]++
	c.mu.Unlock()
	return call()
}

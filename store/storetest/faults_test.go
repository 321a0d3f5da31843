package storetest_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/store"
	"github.com/grantor-go/grantor/store/memory"
	"github.com/grantor-go/grantor/store/storetest"
)

func record(id string) store.Record {
	return store.Record{Kind: "grant", ID: id, Subject: "alice", Data: []byte(`{"v":1}`)}
}

// calls are one use of each operation of a store that holds record("a") at
// version 1. Each changes something, or returns something.
var calls = []struct {
	op   string
	call func(ctx context.Context, s store.Store) (any, error)
	none any // what a failed call returns besides its error
}{
	{"get", func(ctx context.Context, s store.Store) (any, error) { return s.Get(ctx, "grant", "a") }, store.Record{}},
	{"put", func(ctx context.Context, s store.Store) (any, error) { return nil, s.Put(ctx, record("b")) }, nil},
	{"find", func(ctx context.Context, s store.Store) (any, error) {
		return s.Find(ctx, store.Query{Kind: "grant"})
	}, []store.Record(nil)},
	{"delete", func(ctx context.Context, s store.Store) (any, error) {
		return s.Delete(ctx, store.Query{Kind: "grant", ID: "a"})
	}, 0},
}

func opened(t *testing.T) *memory.Store {
	t.Helper()
	s := memory.New()
	require.NoError(t, s.Put(t.Context(), record("a")))
	return s
}

// heldIDs are the IDs of the records in s.
func heldIDs(t *testing.T, s store.Store) string {
	t.Helper()
	found, err := s.Find(t.Context(), store.Query{Kind: "grant"})
	require.NoError(t, err)
	ids := ""
	for _, r := range found {
		ids += r.ID
	}
	return ids
}

func TestDecoratorsKeepThePromisesOfTheirStore(t *testing.T) {
	for _, d := range []struct {
		name string
		wrap func(store.Store) store.Store
	}{
		{"Slow", func(s store.Store) store.Store { return storetest.Slow(s, time.Millisecond) }},
		{"Faulty without faults", func(s store.Store) store.Store { return &storetest.Faulty{Store: s} }},
		{"Counting", func(s store.Store) store.Store { return &storetest.Counting{Store: s} }},
	} {
		t.Run(d.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := storetest.Failures(t, storetest.Engine{
					Open: func(*testing.T) store.Store { return d.wrap(memory.New()) },
				})
				if len(got) > 0 {
					t.Errorf("got failures %q, want none", got)
				}
			})
		})
	}
}

func TestSlow(t *testing.T) {
	const delay = time.Second
	for _, c := range calls {
		t.Run("a "+c.op+" waits before and after", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				inner := &storetest.Counting{Store: opened(t)}
				start, done := time.Now(), make(chan error)
				go func() {
					_, err := c.call(t.Context(), storetest.Slow(inner, delay))
					done <- err
				}()
				time.Sleep(delay - 1)
				require.Zero(t, inner.Calls(c.op), "the call is delayed")
				time.Sleep(2 * time.Nanosecond)
				require.Equal(t, 1, inner.Calls(c.op), "the call was made after the delay")
				require.NoError(t, <-done)
				if got := time.Since(start); got != 2*delay {
					t.Errorf("the call took %v, want %v", got, 2*delay)
				}
			})
		})
		t.Run("a "+c.op+" given up before does not reach the store", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				inner := &storetest.Counting{Store: opened(t)}
				ctx, cancel := context.WithTimeout(t.Context(), delay/2)
				defer cancel()
				got, err := c.call(ctx, storetest.Slow(inner, delay))
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.Equal(t, c.none, got)
				if n := inner.Calls(c.op); n != 0 {
					t.Errorf("the store had %d calls, want none", n)
				}
			})
		})
		t.Run("a "+c.op+" given up after has been made", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				inner := &storetest.Counting{Store: opened(t)}
				ctx, cancel := context.WithTimeout(t.Context(), delay*3/2)
				defer cancel()
				got, err := c.call(ctx, storetest.Slow(inner, delay))
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.Equal(t, c.none, got)
				if n := inner.Calls(c.op); n != 1 {
					t.Errorf("the store had %d calls, want 1", n)
				}
			})
		})
	}
	t.Run("the error of the store comes through, and no sooner", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			err := storetest.Slow(opened(t), delay).Put(t.Context(), record("a"))
			require.ErrorIs(t, err, store.ErrConflict)
			if got := time.Since(start); got != 2*delay {
				t.Errorf("the call took %v, want %v", got, 2*delay)
			}
		})
	})
}

func TestFaulty(t *testing.T) {
	applied := map[string]string{"get": "a", "put": "ab", "find": "a", "delete": ""}
	for _, c := range calls {
		for _, f := range []struct {
			name  string
			fault storetest.Fault
			want  error
			holds string
		}{
			{"failed before is not made", storetest.Before, storetest.ErrInjected, "a"},
			{"failed after is made", storetest.After, storetest.ErrInjected, applied[c.op]},
			{"that hangs is not made", storetest.Hang, context.DeadlineExceeded, "a"},
		} {
			t.Run("a "+c.op+" "+f.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					inner := opened(t)
					s := &storetest.Faulty{Store: inner, Fail: func(storetest.Call) storetest.Fault { return f.fault }}
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					start := time.Now()
					got, err := c.call(ctx, s)
					require.ErrorIs(t, err, f.want)
					require.Equal(t, c.none, got)
					if holds := heldIDs(t, inner); holds != f.holds {
						t.Errorf("the store holds %q, want %q", holds, f.holds)
					}
					if hung := time.Since(start) == time.Minute; hung != (f.fault == storetest.Hang) {
						t.Errorf("the call took %v", time.Since(start))
					}
				})
			})
		}
		t.Run("a "+c.op+" told to conflict", func(t *testing.T) {
			inner := opened(t)
			s := &storetest.Faulty{Store: inner, Fail: func(storetest.Call) storetest.Fault { return storetest.Conflict }}
			_, err := c.call(t.Context(), s)
			want := storetest.ErrInjected
			if c.op == "put" {
				want = store.ErrConflict
			}
			require.ErrorIs(t, err, want)
			if holds := heldIDs(t, inner); holds != "a" {
				t.Errorf("the store holds %q, want %q", holds, "a")
			}
		})
	}
	t.Run("a lost answer does not show what it was", func(t *testing.T) {
		s := &storetest.Faulty{Store: opened(t), Fail: func(storetest.Call) storetest.Fault { return storetest.After }}
		err := s.Put(t.Context(), record("a"))
		if !errors.Is(err, storetest.ErrInjected) || errors.Is(err, store.ErrConflict) {
			t.Errorf("got %v, want ErrInjected alone", err)
		}
	})
	t.Run("every call is numbered and described", func(t *testing.T) {
		var seen []string
		s := &storetest.Faulty{Store: opened(t), Fail: func(c storetest.Call) storetest.Fault {
			seen = append(seen, c.String())
			return storetest.None
		}}
		for _, c := range calls {
			_, err := c.call(t.Context(), s)
			require.NoError(t, err)
		}
		require.Equal(t, []string{"call 1: get grant", "call 2: put grant", "call 3: find grant", "call 4: delete grant"}, seen)
	})
	t.Run("calls at once have different numbers", func(t *testing.T) {
		var seen sync.Map
		s := &storetest.Faulty{Store: opened(t), Fail: func(c storetest.Call) storetest.Fault {
			if _, twice := seen.LoadOrStore(c.N, true); twice || c.N < 1 || c.N > 64 {
				t.Errorf("number %d is wrong or given twice", c.N)
			}
			return storetest.None
		}}
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() { _, _ = s.Get(t.Context(), "grant", "a") })
		}
		wg.Wait()
	})
}

func TestCounting(t *testing.T) {
	s := &storetest.Counting{Store: opened(t)}
	for _, c := range calls {
		require.Zero(t, s.Calls(c.op))
	}
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			_, _ = s.Get(t.Context(), "grant", "a")
			_, _ = s.Find(t.Context(), store.Query{Kind: "grant"})
			_ = s.Put(t.Context(), record("a")) // a conflict counts as well
		})
	}
	wg.Wait()
	for op, want := range map[string]int{"get": 32, "find": 32, "put": 32, "delete": 0} {
		if got := s.Calls(op); got != want {
			t.Errorf("got %d calls of %s, want %d", got, op, want)
		}
	}
	s.Reset()
	if got := s.Calls("get"); got != 0 {
		t.Errorf("got %d calls after Reset, want none", got)
	}
}

// The answer to the second Put is lost. Whoever asked cannot know whether it was
// carried out, and must read before going on.
func ExampleFaulty() {
	s := &storetest.Faulty{
		Store: memory.New(),
		Fail: func(c storetest.Call) storetest.Fault {
			if c.N == 2 && c.Op == "put" {
				return storetest.After
			}
			return storetest.None
		},
	}
	ctx := context.Background()
	r := store.Record{Kind: "grant", ID: "1", Data: []byte(`"first"`)}
	fmt.Println(s.Put(ctx, r))

	r.Version, r.Data = 1, []byte(`"second"`)
	fmt.Println(s.Put(ctx, r))

	r, err := s.Get(ctx, "grant", "1")
	fmt.Println(r.Version, string(r.Data), err)
	// Output:
	// <nil>
	// storetest: injected failure
	// 2 "second" <nil>
}

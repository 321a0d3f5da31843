package storetest_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/store"
	"github.com/grantor-go/grantor/store/memory"
	"github.com/grantor-go/grantor/store/storetest"
)

// engine is a memory engine whose stores are changed by spoil, if there is one.
func engine(spoil func(inner, *storetest.Clock) store.Store) storetest.Engine {
	clock := new(storetest.Clock)
	return storetest.Engine{
		Open: func(*testing.T) store.Store {
			s := &memory.Store{Now: clock.Now}
			if spoil == nil {
				return s
			}
			return spoil(inner{s}, clock)
		},
		Clock: clock,
	}
}

func TestRunPassesAStoreThatKeepsItsPromises(t *testing.T) {
	storetest.Run(t, engine(nil))
}

func TestNothingIsReportedOfAStoreThatKeepsItsPromises(t *testing.T) {
	if got := storetest.Failures(t, engine(nil)); len(got) > 0 {
		t.Errorf("got failures %q, want none", got)
	}
}

func TestAnEngineWithoutAClockIsGivenRealTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		got := storetest.Failures(t, storetest.Engine{Open: func(*testing.T) store.Store { return memory.New() }})
		if len(got) > 0 {
			t.Errorf("got failures %q, want none", got)
		}
		if took := time.Since(start); took < 6*time.Second || took > 20*time.Second {
			t.Errorf("the checks waited for %v, want some fifteen seconds", took)
		}
	})
}

func TestEveryMutantIsFoundByThePromiseItBreaks(t *testing.T) {
	broken := map[string]bool{}
	for _, m := range mutants() {
		t.Run("a store that "+m.does, func(t *testing.T) {
			failures := storetest.Failures(t, engine(m.spoil))
			want := "this promise is broken: " + m.breaks + ".\n\t"
			if !slices.ContainsFunc(failures, func(f string) bool { return strings.HasPrefix(f, want) }) {
				t.Errorf("got failures %q, want one that begins %q", failures, want)
			}
			broken[m.breaks] = true
		})
	}
	t.Run("a replica that has records of its own", func(t *testing.T) {
		e := engine(nil)
		e.Replica = func(*testing.T, store.Store) store.Store { return &memory.Store{Now: e.Clock.Now} }
		const promise = "a replica sees every change at once"
		failures := storetest.Failures(t, e)
		if !slices.ContainsFunc(failures, func(f string) bool { return strings.Contains(f, promise) }) {
			t.Errorf("got failures %q, want one about %q", failures, promise)
		}
		broken[promise] = true
	})
	// A promise that no mutant breaks might as well not be checked.
	for _, promise := range storetest.Promises() {
		if !broken[promise] {
			t.Errorf("no mutant breaks the promise %q", promise)
		}
	}
}

func TestThePromisesAreDistinctSentences(t *testing.T) {
	promises := storetest.Promises()
	require.NotEmpty(t, promises)
	seen := map[string]bool{}
	for _, promise := range promises {
		if seen[promise] {
			t.Errorf("the promise %q is made twice", promise)
		}
		seen[promise] = true
	}
}

func TestClock(t *testing.T) {
	c := new(storetest.Clock)
	start := c.Now()
	require.Equal(t, start, c.Now(), "the clock stands still")
	c.Advance(90)
	if got := c.Now().Sub(start); got != 90 {
		t.Errorf("the clock advanced by %v, want 90ns", got)
	}
}

package memory_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/store"
	"github.com/grantor-go/grantor/store/memory"
	"github.com/grantor-go/grantor/store/storetest"
)

func TestStore(t *testing.T) {
	clock := new(storetest.Clock)
	storetest.Run(t, storetest.Engine{
		Open:  func(*testing.T) store.Store { return &memory.Store{Now: clock.Now} },
		Clock: clock,
	})
}

func TestTheZeroStoreIsReadyAndLivesByTheTimeOfTheMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(memory.Store)
		r := store.Record{Kind: "code", ID: "a", Expires: time.Now().Add(time.Minute), Data: []byte(`1`)}
		require.NoError(t, s.Put(t.Context(), r))

		time.Sleep(time.Minute - time.Microsecond)
		_, err := s.Get(t.Context(), "code", "a")
		require.NoError(t, err, "a microsecond before it expires")

		time.Sleep(time.Microsecond)
		_, err = s.Get(t.Context(), "code", "a")
		require.ErrorIs(t, err, store.ErrNotFound, "when it expires")
	})
}

func TestPutRefusesWhatIsOutsideTheLimits(t *testing.T) {
	long, wide := strings.Repeat("a", 256), strings.Repeat("é", 128)
	for _, c := range []struct {
		name  string
		alter func(r *store.Record)
		says  string
	}{
		{"no Kind", func(r *store.Record) { r.Kind = "" }, "Kind"},
		{"no ID", func(r *store.Record) { r.ID = "" }, "ID"},
		{"an ID of 256 bytes", func(r *store.Record) { r.ID = long }, "ID"},
		{"a line break in the ID", func(r *store.Record) { r.ID = "a\nb" }, "ID"},
		{"a NUL in the ID", func(r *store.Record) { r.ID = "a\x00" }, "ID"},
		{"DEL in the ID", func(r *store.Record) { r.ID = "a\x7f" }, "ID"},
		{"an ID that is not ASCII", func(r *store.Record) { r.ID = "é" }, "ID"},
		{"a Grant of 256 bytes", func(r *store.Record) { r.Grant = long }, "Grant"},
		{"a Client of 256 bytes", func(r *store.Record) { r.Client = wide }, "Client"},
		{"a Subject of 256 bytes", func(r *store.Record) { r.Subject = wide }, "Subject"},
		{"a Subject that is not UTF-8", func(r *store.Record) { r.Subject = "a\xff" }, "Subject"},
		{"a negative Version", func(r *store.Record) { r.Version = -1 }, "Version"},
		{"an expiry after the year 9999", func(r *store.Record) {
			r.Expires = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
		}, "Expires"},
		{"an expiry that overflows", func(r *store.Record) { r.Expires = time.Unix(math.MaxInt64/2, 0) }, "Expires"},
		{"an expiry before the year 1", func(r *store.Record) {
			r.Expires = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
		}, "Expires"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := memory.New()
			r := store.Record{Kind: "grant", ID: "a", Data: []byte(`1`)}
			c.alter(&r)
			err := s.Put(t.Context(), r)
			require.ErrorContains(t, err, c.says)
			for _, contract := range []error{store.ErrConflict, store.ErrNotFound, store.ErrQuery} {
				if errors.Is(err, contract) {
					t.Errorf("got %v, which means something else", err)
				}
			}
			if got := s.Len(); got != 0 {
				t.Errorf("the store holds %d records, want none", got)
			}
		})
	}
}

func TestPutTakesWhatIsJustWithinTheLimits(t *testing.T) {
	all := make([]byte, 0, 95)
	for c := byte(' '); c <= '~'; c++ {
		all = append(all, c)
	}
	for _, r := range []store.Record{
		{Kind: "k", ID: string(all)},
		{Kind: "k", ID: strings.Repeat("~", 255), Grant: strings.Repeat("g", 255), Client: strings.Repeat("é", 127), Subject: "\x00"},
		{Kind: "k", ID: "last", Expires: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)},
	} {
		s := memory.New()
		require.NoError(t, s.Put(t.Context(), r))
		got, err := s.Get(t.Context(), r.Kind, r.ID)
		require.NoError(t, err)
		r.Version, r.Data = 1, []byte{}
		require.Equal(t, r, got)
		found, err := s.Find(t.Context(), store.Query{Kind: "k", Grant: r.Grant, Client: r.Client, Subject: r.Subject})
		require.NoError(t, err)
		require.Equal(t, []store.Record{r}, found)
	}
}

func TestANegativeLimitIsErrQuery(t *testing.T) {
	s := memory.New()
	require.NoError(t, s.Put(t.Context(), store.Record{Kind: "grant", ID: "a"}))
	_, err := s.Find(t.Context(), store.Query{Kind: "grant", Limit: -1})
	require.ErrorIs(t, err, store.ErrQuery)
	_, err = s.Delete(t.Context(), store.Query{Kind: "grant", Limit: -1})
	require.ErrorIs(t, err, store.ErrQuery)
	if got := s.Len(); got != 1 {
		t.Errorf("the store holds %d records, want 1", got)
	}
}

func TestALimitBeyondAllMemoryIsNoReasonToAskForIt(t *testing.T) {
	s := memory.New()
	for i := range 10 {
		require.NoError(t, s.Put(t.Context(), store.Record{Kind: "grant", ID: fmt.Sprint(i)}))
	}
	found, err := s.Find(t.Context(), store.Query{Kind: "grant", Limit: math.MaxInt})
	require.NoError(t, err)
	require.Len(t, found, 10)
	n, err := s.Delete(t.Context(), store.Query{Kind: "grant", Limit: math.MaxInt})
	require.NoError(t, err)
	require.Equal(t, 10, n)
}

func TestAConflictLeavesNothingBehind(t *testing.T) {
	s := memory.New()
	err := s.Put(t.Context(), store.Record{Kind: "never stored", ID: "a", Version: 1})
	require.ErrorIs(t, err, store.ErrConflict)
	if got := s.Len(); got != 0 {
		t.Errorf("the store holds %d records, want none", got)
	}
}

// countdown is a context that is cancelled when it was asked so many times.
type countdown struct {
	context.Context
	left int
}

func (c *countdown) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

func TestADeleteCancelledHalfWaySaysHowFarItCame(t *testing.T) {
	s := memory.New()
	const total = 5000
	for i := range total {
		require.NoError(t, s.Put(t.Context(), store.Record{Kind: "grant", ID: fmt.Sprint(i)}))
	}
	n, err := s.Delete(&countdown{t.Context(), 20}, store.Query{Kind: "grant"})
	require.ErrorIs(t, err, context.Canceled)
	require.NotZero(t, n)
	if got := s.Len(); got != total-n || n == total {
		t.Errorf("the store holds %d records after %d were deleted, want %d", got, n, total-n)
	}
	_, err = s.Find(&countdown{t.Context(), 20}, store.Query{Kind: "grant"})
	require.ErrorIs(t, err, context.Canceled)
}

func TestExpiredAtOfAnyYear(t *testing.T) {
	for name, c := range map[string]struct {
		at   time.Time
		want int
	}{
		"before all calendars": {time.Unix(math.MinInt64/2, 0), 0},
		"long past":            {time.Date(999, 1, 1, 0, 0, 0, 0, time.UTC), 0},
		"the last of all":      {time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), 2},
		"after all calendars":  {time.Unix(math.MaxInt64/2, 0), 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := memory.New()
			for id, expires := range map[string]time.Time{
				"soon": time.Now().Add(time.Hour), "last": time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), "never": {},
			} {
				require.NoError(t, s.Put(t.Context(), store.Record{Kind: "grant", ID: id, Expires: expires}))
			}
			got, err := s.Delete(t.Context(), store.Query{ExpiredAt: c.at})
			require.NoError(t, err)
			if got != c.want {
				t.Errorf("deleted %d, want %d", got, c.want)
			}
		})
	}
}

func Example() {
	ctx := context.Background()
	s := memory.New()

	// Two requests read the same record; the one that writes first wins.
	_ = s.Put(ctx, store.Record{Kind: "code", ID: "1", Subject: "alice", Data: []byte(`{"spent":false}`)})
	first, _ := s.Get(ctx, "code", "1")
	second, _ := s.Get(ctx, "code", "1")

	first.Data = []byte(`{"spent":true}`)
	fmt.Println(s.Put(ctx, first))
	second.Data = []byte(`{"spent":true}`)
	fmt.Println(s.Put(ctx, second))

	n, err := s.Delete(ctx, store.Query{Subject: "alice"})
	fmt.Println(n, err, s.Len())
	// Output:
	// <nil>
	// store: version conflict
	// 1 <nil> 0
}

package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/grantor-go/grantor/store"
	"github.com/grantor-go/grantor/store/memory"
)

var now = time.Date(2030, time.January, 1, 12, 0, 0, 0, time.UTC)

func TestSelects(t *testing.T) {
	for _, c := range []struct {
		name string
		q    store.Query
		want bool
	}{
		{"no field selects nothing", store.Query{}, false},
		{"After alone selects nothing", store.Query{After: "a"}, false},
		{"Limit alone selects nothing", store.Query{Limit: 10}, false},
		{"After and Limit select nothing", store.Query{After: "a", Limit: -1}, false},
		{"Kind selects", store.Query{Kind: "grant"}, true},
		{"ID selects", store.Query{ID: "a"}, true},
		{"Grant selects", store.Query{Grant: "g"}, true},
		{"Client selects", store.Query{Client: "c"}, true},
		{"Subject selects", store.Query{Subject: "s"}, true},
		{"ExpiredAt selects", store.Query{ExpiredAt: now}, true},
		{"a field selects whatever the Limit", store.Query{Subject: "s", After: "a", Limit: 1}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.q.Selects(); got != c.want {
				t.Errorf("Selects of %+v is %v, want %v", c.q, got, c.want)
			}
		})
	}
}

func TestLive(t *testing.T) {
	for _, c := range []struct {
		name    string
		expires time.Time
		want    bool
	}{
		{"a record without an expiry is live", time.Time{}, true},
		{"a record is live before it expires", now.Add(1), true},
		{"a record is not live when it expires", now, false},
		{"a record is not live after it expired", now.Add(-1), false},
		{"the zone of the expiry does not matter", now.Add(1).In(time.FixedZone("far east", 14*3600)), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := (store.Record{Expires: c.expires}).Live(now); got != c.want {
				t.Errorf("Live with expiry %v at %v is %v, want %v", c.expires, now, got, c.want)
			}
		})
	}
}

func TestMatches(t *testing.T) {
	live := store.Record{
		Kind: "grant", ID: "a", Grant: "g", Client: "c", Subject: "s", Version: 7, Expires: now.Add(time.Hour), Data: []byte(`1`),
	}
	expired, eternal := live, live
	expired.Expires, eternal.Expires = now, time.Time{}
	all := store.Query{Kind: "grant", ID: "a", Grant: "g", Client: "c", Subject: "s"}
	with := func(change func(q *store.Query)) store.Query {
		q := all
		change(&q)
		return q
	}
	for _, c := range []struct {
		name string
		q    store.Query
		r    store.Record
		want bool
	}{
		{"a query without fields selects a live record", store.Query{}, live, true},
		{"a query without fields does not select an expired one", store.Query{}, expired, false},
		{"all fields the same select", all, live, true},
		{"another Kind does not", with(func(q *store.Query) { q.Kind = "code" }), live, false},
		{"another ID does not", with(func(q *store.Query) { q.ID = "b" }), live, false},
		{"another Grant does not", with(func(q *store.Query) { q.Grant = "h" }), live, false},
		{"another Client does not", with(func(q *store.Query) { q.Client = "d" }), live, false},
		{"another Subject does not", with(func(q *store.Query) { q.Subject = "t" }), live, false},
		{"another case does not", with(func(q *store.Query) { q.Subject = "S" }), live, false},
		{"a field does not match where the record has none", store.Query{Client: "c"}, store.Record{Kind: "grant", ID: "a"}, false},
		{"an expired record needs ExpiredAt", all, expired, false},
		{"After and Limit do not narrow", store.Query{Kind: "grant", After: "z", Limit: 1}, live, true},

		{"ExpiredAt selects what expires then", store.Query{ExpiredAt: now}, expired, true},
		{"ExpiredAt selects what expired before", store.Query{ExpiredAt: now.Add(1)}, expired, true},
		{"ExpiredAt does not select what expires later", store.Query{ExpiredAt: now.Add(-1)}, expired, false},
		{"ExpiredAt does not select what lives longer", store.Query{ExpiredAt: now}, live, false},
		{"ExpiredAt does not select what never expires", store.Query{ExpiredAt: now}, eternal, false},
		{"ExpiredAt in the future selects what still lives", store.Query{ExpiredAt: now.Add(time.Hour)}, live, true},
		{"ExpiredAt is narrowed by the other fields", store.Query{ExpiredAt: now, Subject: "t"}, expired, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.q.Matches(c.r, now); got != c.want {
				t.Errorf("%+v matches %+v at %v: got %v, want %v", c.q, c.r, now, got, c.want)
			}
		})
	}
}

// A name is unique because creating is a comparison, too: with Version 0, Put
// writes only if there is no such record.
func Example() {
	ctx := context.Background()
	var s store.Store = memory.New()

	claim := func(name, owner string) error {
		return s.Put(ctx, store.Record{Kind: "name", ID: name, Subject: owner, Data: []byte(`{"v":1}`)})
	}
	fmt.Println(claim("backup", "alice"))
	fmt.Println(errors.Is(claim("backup", "bob"), store.ErrConflict))

	names, err := s.Find(ctx, store.Query{Kind: "name", Subject: "alice"})
	fmt.Println(len(names), names[0].ID, names[0].Version, err)
	// Output:
	// <nil>
	// true
	// 1 backup 1 <nil>
}

// Whoever spends a code reads it, marks it and puts it back. Of all who do so at
// once, one Put succeeds; a code that was revoked meanwhile stays revoked.
func ExampleStore() {
	ctx := context.Background()
	var s store.Store = memory.New()
	_ = s.Put(ctx, store.Record{
		Kind: "code", ID: "1", Grant: "g", Expires: time.Now().Add(time.Minute), Data: []byte(`{"spent":false}`),
	})

	mine, _ := s.Get(ctx, "code", "1")
	yours, _ := s.Get(ctx, "code", "1")
	mine.Data, yours.Data = []byte(`{"spent":true}`), []byte(`{"spent":true}`)
	fmt.Println(s.Put(ctx, mine))
	fmt.Println(s.Put(ctx, yours))

	n, err := s.Delete(ctx, store.Query{Grant: "g"})
	fmt.Println(n, err)
	mine.Version++
	fmt.Println(s.Put(ctx, mine))
	// Output:
	// <nil>
	// store: version conflict
	// 1 <nil>
	// store: version conflict
}

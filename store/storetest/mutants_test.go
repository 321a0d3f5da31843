package storetest_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/grantor-go/grantor/store"
	"github.com/grantor-go/grantor/store/storetest"
)

func mutants() []mutant {
	return slices.Concat(putMutants(), raceMutants(), expiryMutants(), findMutants(), deleteMutants(), valueMutants())
}

func putMutants() []mutant {
	return []mutant{
		{"lets the last writer win", "a stale Put is ErrConflict and changes nothing", spoilPut(inner.force)},
		{"compares no version when it creates", "a create over a live record is ErrConflict and changes nothing",
			spoilPut(func(s inner, ctx context.Context, r store.Record) error {
				if r.Version == 0 {
					return s.force(ctx, r)
				}
				return s.Put(ctx, r)
			})},
		{"takes any newer version", "a Put with a version that was never stored is ErrConflict and changes nothing",
			spoilPut(func(s inner, ctx context.Context, r store.Record) error {
				if v := s.version(ctx, r); v > 0 {
					r.Version = min(r.Version, v)
				}
				return s.Put(ctx, r)
			})},
		{"creates what an update does not find", "an update of what was never stored is ErrConflict and creates nothing",
			spoilPut(inner.upsert)},
		{"revives what was deleted", "a stale writer cannot bring back what was deleted", spoilPut(inner.upsert)},
		{"writes before it compares", "a stale Put is ErrConflict and changes nothing",
			spoilPut(func(s inner, ctx context.Context, r store.Record) error {
				err := s.Put(ctx, r)
				if errors.Is(err, store.ErrConflict) && s.version(ctx, r) > 0 {
					_ = s.force(ctx, r)
				}
				return err
			})},
		{"counts versions by two", "a Put with version 0 creates the record at version 1",
			func(s inner, _ *storetest.Clock) store.Store {
				return spoiled{Store: s, get: func(ctx context.Context, kind store.Kind, id string) (store.Record, error) {
					r, err := s.Get(ctx, kind, id)
					r.Version *= 2
					return r, err
				}}
			}},
		{"updates the version and nothing else", "a Put with the stored version replaces the record and counts up by one",
			spoilPut(func(s inner, ctx context.Context, r store.Record) error {
				if stored, err := s.Get(ctx, r.Kind, r.ID); err == nil {
					stored.Version = r.Version
					r = stored
				}
				return s.Put(ctx, r)
			})},
		{"indexes a record when it is created only", "an update moves the record to what it is found by now",
			spoilPut(func(s inner, ctx context.Context, r store.Record) error {
				if stored, err := s.Get(ctx, r.Kind, r.ID); err == nil {
					r.Grant, r.Client, r.Subject = stored.Grant, stored.Client, stored.Subject
				}
				return s.Put(ctx, r)
			})},
		{"never forgets an ID", "a deleted record can be created anew, at version 1", spoilTwice()},
		{"keeps all kinds in one table", "kinds share nothing",
			rewrite(func(r *store.Record) { r.Kind = "grant" }, func(q *store.Query) { q.Kind = "grant" })},
		{"ignores the context", "a call whose context is cancelled returns the context's error and changes nothing",
			func(s inner, _ *storetest.Clock) store.Store {
				return spoiled{
					get: func(ctx context.Context, kind store.Kind, id string) (store.Record, error) {
						return s.Get(context.WithoutCancel(ctx), kind, id)
					},
					put: func(ctx context.Context, r store.Record) error { return s.Put(context.WithoutCancel(ctx), r) },
					fnd: func(ctx context.Context, q store.Query) ([]store.Record, error) {
						return s.Find(context.WithoutCancel(ctx), q)
					},
					del: func(ctx context.Context, q store.Query) (int, error) { return s.Delete(context.WithoutCancel(ctx), q) },
				}
			}},
		{"applies a cancelled Put", "a call whose context is cancelled returns the context's error and changes nothing",
			spoilPut(func(s inner, ctx context.Context, r store.Record) error {
				return cmp.Or(s.Put(context.WithoutCancel(ctx), r), ctx.Err())
			})},
	}
}

func raceMutants() []mutant {
	return []mutant{
		{"looks before it creates", "of 64 creates at once exactly one wins",
			checkThenAct(func(r store.Record) bool { return r.Version == 0 })},
		{"compares and swaps in two steps", "of 64 updates at once exactly one wins",
			checkThenAct(func(r store.Record) bool { return r.Version > 0 })},
		{"loses an update now and then", "updates at once lose nothing: versions count up without a gap",
			checkThenAct(func(r store.Record) bool { return r.Version > 0 })},
		{"writes an update that a Delete overtook", "a Delete is not undone by the updates under way",
			checkThenAct(func(r store.Record) bool { return r.Version > 0 })},
		{"counts before it deletes", "of 16 Deletes at once exactly one removes the record",
			spoilDelete(func(s inner, ctx context.Context, q store.Query) (int, error) {
				if q.Kind == "" || !q.ExpiredAt.IsZero() {
					return s.Delete(ctx, q)
				}
				found, err := s.Find(ctx, q)
				dawdle()
				if _, err := s.Delete(ctx, q); err != nil {
					return 0, err
				}
				return len(found), err
			})},
		{"refuses to update while it deletes", "calls for other records do not disturb",
			func(s inner, _ *storetest.Clock) store.Store {
				var deleting atomic.Int32
				return spoiled{
					Store: s,
					put: func(ctx context.Context, r store.Record) error {
						if deleting.Load() > 0 {
							return store.ErrConflict
						}
						return s.Put(ctx, r)
					},
					del: func(ctx context.Context, q store.Query) (int, error) {
						deleting.Add(1)
						defer deleting.Add(-1)
						dawdle()
						return s.Delete(ctx, q)
					},
				}
			}},
	}
}

func expiryMutants() []mutant {
	return []mutant{
		{"rounds an expiry to the minute", "a record lives until it expires, and its expiry is kept to the second",
			rewrite(func(r *store.Record) {
				if !r.Expires.IsZero() {
					r.Expires = r.Expires.Add(time.Second).Truncate(time.Minute).Add(time.Minute)
				}
			}, func(*store.Query) {})},
		{"shows what expired to Get", "an expired record is not found by Get", haunted(func(s inner, g *ghosts) spoiled {
			return spoiled{Store: s, get: func(ctx context.Context, kind store.Kind, id string) (store.Record, error) {
				r, err := s.Get(ctx, kind, id)
				if seen := g.seen(store.Query{Kind: kind, ID: id}); errors.Is(err, store.ErrNotFound) && len(seen) > 0 {
					return seen[0], nil
				}
				return r, err
			}}
		})},
		{"shows what expired to Find", "an expired record is not found by Find", haunted(func(s inner, g *ghosts) spoiled {
			return spoiled{Store: s, fnd: func(ctx context.Context, q store.Query) ([]store.Record, error) {
				found, err := s.Find(ctx, q)
				if q.ExpiredAt.IsZero() && err == nil {
					found = append(g.seen(q), found...)
				}
				return found, err
			}}
		})},
		{"counts what expired when it deletes", "an expired record is not reached by a Delete without ExpiredAt",
			haunted(func(s inner, g *ghosts) spoiled {
				return spoiled{Store: s, del: func(ctx context.Context, q store.Query) (int, error) {
					n, err := s.Delete(ctx, q)
					if q.ExpiredAt.IsZero() && err == nil {
						n += len(g.seen(q))
					}
					return n, err
				}}
			})},
		{"revives what expired", "a stale writer cannot bring back what expired", haunted(func(s inner, g *ghosts) spoiled {
			return spoiled{Store: s, put: func(ctx context.Context, r store.Record) error {
				for _, ghost := range g.seen(store.Query{Kind: r.Kind, ID: r.ID}) {
					if ghost.Version == r.Version {
						r.Version = 0
					}
				}
				return s.Put(ctx, r)
			}}
		})},
		{"has no room for a record where one expired", "an expired record can be created anew, at version 1",
			haunted(func(s inner, g *ghosts) spoiled {
				return spoiled{Store: s, put: func(ctx context.Context, r store.Record) error {
					if len(g.seen(store.Query{Kind: r.Kind, ID: r.ID})) > 0 {
						return store.ErrConflict
					}
					return s.Put(ctx, r)
				}}
			})},
		{"refuses an expiry that has passed", "a record put with an expiry that has passed is expired",
			func(s inner, clock *storetest.Clock) store.Store {
				return spoiled{Store: s, put: func(ctx context.Context, r store.Record) error {
					if !r.Live(clock.Now()) {
						return errors.New("expired")
					}
					return s.Put(ctx, r)
				}}
			}},
		{"keeps the first expiry", "an update replaces the expiry",
			spoilPut(func(s inner, ctx context.Context, r store.Record) error {
				if stored, err := s.Get(ctx, r.Kind, r.ID); err == nil {
					r.Expires = stored.Expires
				}
				return s.Put(ctx, r)
			})},
		{"counts nanoseconds in 64 bits", "a record that expires in three hundred years is live",
			rewrite(func(r *store.Record) {
				if !r.Expires.IsZero() {
					r.Expires = time.Unix(0, r.Expires.UnixNano())
				}
			}, func(*store.Query) {})},
		{"keeps what expires at ExpiredAt", "a Delete with ExpiredAt removes what has an expiry not after it, and nothing else",
			rewrite(func(*store.Record) {}, func(q *store.Query) {
				if !q.ExpiredAt.IsZero() {
					q.ExpiredAt = q.ExpiredAt.Add(-time.Second)
				}
			})},
		{"deletes all that expired, whoever's", "a Delete with ExpiredAt is narrowed by every other field",
			rewrite(func(*store.Record) {}, func(q *store.Query) {
				if !q.ExpiredAt.IsZero() {
					*q = store.Query{Kind: q.Kind, ExpiredAt: q.ExpiredAt}
				}
			})},
	}
}

func findMutants() []mutant {
	return []mutant{
		{"finds in no order", "Find returns records in bytewise order of ID",
			spoilFind(func(s inner, ctx context.Context, q store.Query) ([]store.Record, error) {
				found, err := s.Find(ctx, q)
				slices.Reverse(found)
				return found, err
			})},
		{"orders as people do", "Find returns records in bytewise order of ID",
			spoilFind(func(s inner, ctx context.Context, q store.Query) ([]store.Record, error) {
				found, err := s.Find(ctx, q)
				slices.SortStableFunc(found, func(a, b store.Record) int {
					return cmp.Compare(strings.ToLower(a.ID), strings.ToLower(b.ID))
				})
				return found, err
			})},
		{"skips a record between pages", "pages of Find follow each other without gap or repetition",
			spoilFind(func(s inner, ctx context.Context, q store.Query) ([]store.Record, error) {
				found, err := s.Find(ctx, q)
				if q.After != "" && len(found) > 0 {
					found = found[1:]
				}
				return found, err
			})},
		{"begins a page where the last one ended", "pages of Find follow each other without gap or repetition",
			spoilFind(func(s inner, ctx context.Context, q store.Query) ([]store.Record, error) {
				if n := len(q.After); n > 0 {
					q.After = q.After[:n-1] + string(q.After[n-1]-1)
				}
				return s.Find(ctx, q)
			})},
		{"ignores the Limit of a Find", "pages of Find follow each other without gap or repetition",
			spoilFind(func(s inner, ctx context.Context, q store.Query) ([]store.Record, error) {
				q.Limit = 0
				return s.Find(ctx, q)
			})},
		{"finds everything when no Limit is given", "a Find without a Limit returns a page of DefaultLimit",
			spoilFind(func(s inner, ctx context.Context, q store.Query) ([]store.Record, error) {
				q.Limit = cmp.Or(q.Limit, math.MaxInt)
				return s.Find(ctx, q)
			})},
		{"finds nothing without a Kind", "a Find without a Kind is ErrQuery",
			spoilFind(func(s inner, ctx context.Context, q store.Query) ([]store.Record, error) {
				if q.Kind == "" {
					return nil, nil
				}
				return s.Find(ctx, q)
			})},
		{"finds by one field at a time", "a Find is narrowed by every field",
			spoilFind(func(s inner, ctx context.Context, q store.Query) ([]store.Record, error) {
				if q.Grant != "" {
					q.Client, q.Subject = "", ""
				}
				return s.Find(ctx, q)
			})},
		{"has no empty page", "a Find that selects nothing returns no record and no error",
			spoilFind(func(s inner, ctx context.Context, q store.Query) ([]store.Record, error) {
				found, err := s.Find(ctx, q)
				if err == nil && len(found) == 0 {
					err = store.ErrNotFound
				}
				return found, err
			})},
		{"finds by ID alone once it has an ID", "Find and Delete select what Query.Matches selects",
			spoilFind(func(s inner, ctx context.Context, q store.Query) ([]store.Record, error) {
				if q.ID != "" {
					q = store.Query{Kind: q.Kind, ID: q.ID}
				}
				return s.Find(ctx, q)
			})},
	}
}

func deleteMutants() []mutant {
	without := func(widen func(q *store.Query)) func(inner, *storetest.Clock) store.Store {
		return spoilDelete(func(s inner, ctx context.Context, q store.Query) (int, error) {
			widened := q
			if widen(&widened); widened.Selects() {
				q = widened
			}
			return s.Delete(ctx, q)
		})
	}
	const narrowed = "a Delete is narrowed by every field"
	return []mutant{
		{"takes no fields for all records", "a Delete that selects nothing in particular is ErrQuery and changes nothing",
			spoilDelete(func(s inner, ctx context.Context, q store.Query) (int, error) {
				if !q.Selects() {
					q.Kind = "grant"
				}
				return s.Delete(ctx, q)
			})},
		{"takes a Limit for a selection", "a Delete that selects nothing in particular is ErrQuery and changes nothing",
			spoilDelete(func(s inner, ctx context.Context, q store.Query) (int, error) {
				if !q.Selects() && q.Limit > 0 {
					q.Kind = "grant"
				}
				return s.Delete(ctx, q)
			})},
		{"deletes whatever the Kind", narrowed, without(func(q *store.Query) { q.Kind = "" })},
		{"deletes whatever the Grant", narrowed, without(func(q *store.Query) { q.Grant = "" })},
		{"deletes whatever the Client", narrowed, without(func(q *store.Query) { q.Client = "" })},
		{"deletes whatever the Subject", narrowed, without(func(q *store.Query) { q.Subject = "" })},
		{"deletes of one kind only", "a Delete without a Kind reaches every kind",
			without(func(q *store.Query) { q.Kind = cmp.Or(q.Kind, "grant") })},
		{"ignores the Limit of a Delete", "a Delete with a Limit removes no more than that",
			without(func(q *store.Query) { q.Limit = 0 })},
		{"deletes page by page", "a Delete ignores After",
			spoilDelete(func(s inner, ctx context.Context, q store.Query) (int, error) {
				if q.After == "" || q.Kind == "" {
					return s.Delete(ctx, q)
				}
				found, err := s.Find(ctx, q)
				for _, r := range found {
					_, err = s.Delete(ctx, store.Query{Kind: r.Kind, ID: r.ID})
				}
				return len(found), err
			})},
		{"complains when nothing was deleted", "a Delete of what is not there is no error",
			spoilDelete(func(s inner, ctx context.Context, q store.Query) (int, error) {
				n, err := s.Delete(ctx, q)
				if err == nil && n == 0 {
					err = store.ErrNotFound
				}
				return n, err
			})},
		{"deletes no more than five hundred", "a Delete removes everything it selects and says how many",
			without(func(q *store.Query) { q.Limit = cmp.Or(q.Limit, 500) })},
	}
}

func valueMutants() []mutant {
	none := func(*store.Query) {}
	trim := func(s *string) { *s = strings.TrimRight(*s, " ") }
	cut := func(s *string) { *s = (*s)[:min(len(*s), 255)] }
	return []mutant{
		{"reads numbers as floats", "Data comes back as the same JSON value", rewrite(func(r *store.Record) {
			var v any
			if json.Unmarshal(r.Data, &v) == nil {
				r.Data, _ = json.Marshal(v)
			}
		}, none)},
		{"cuts Data at 64 KiB", "a megabyte of Data comes back whole",
			rewrite(func(r *store.Record) { r.Data = r.Data[:min(len(r.Data), 1<<16)] }, none)},
		{"keeps the caller's Data", "what was passed to Put is not kept: the caller may reuse it", spoilAlias(true)},
		{"hands out its own Data", "what Get and Find return is the caller's to change", spoilAlias(false)},
		{"folds the case of IDs", "IDs are compared byte by byte", rewrite(
			func(r *store.Record) { r.ID = strings.ToLower(r.ID) }, func(q *store.Query) { q.ID = strings.ToLower(q.ID) })},
		{"pads names with blanks", "Grant, Client and Subject are compared byte by byte", rewrite(
			func(r *store.Record) { trim(&r.Subject) }, func(q *store.Query) { trim(&q.Subject) })},
		{"has columns of 191 bytes", "an ID, Grant, Client and Subject of 255 bytes are kept whole", rewrite(
			func(r *store.Record) { r.Client = r.Client[:min(len(r.Client), 190)] }, none)},
		{"takes a record without a name", "a record without a Kind or an ID is refused",
			spoilPut(func(s inner, ctx context.Context, r store.Record) error {
				r.Kind, r.ID = cmp.Or(r.Kind, "grant"), cmp.Or(r.ID, "unnamed")
				return s.Put(ctx, r)
			})},
		{"cuts what is too long", "a record outside the limits is refused, or kept as it is; it is never altered", rewrite(
			func(r *store.Record) { cut(&r.ID); cut(&r.Grant); cut(&r.Client); cut(&r.Subject) }, none)},
		{"takes what is too long for a conflict", "a record outside the limits is refused, or kept as it is; it is never altered",
			spoilPut(func(s inner, ctx context.Context, r store.Record) error {
				if len(r.ID) > 255 {
					return store.ErrConflict
				}
				return s.Put(ctx, r)
			})},
	}
}

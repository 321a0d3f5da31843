package memory_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/store"
	"github.com/grantor-go/grantor/store/memory"
	"github.com/grantor-go/grantor/store/storetest"
)

func sizes(b *testing.B, run func(b *testing.B, n int)) {
	for _, n := range []int{1e3, 1e5, 1e6} {
		b.Run(strconv.Itoa(n)+" records", func(b *testing.B) { run(b, n) })
	}
}

func filled(b *testing.B, n int) *memory.Store {
	b.Helper()
	s := memory.New()
	fill(b, s, n, time.Now().Add(time.Hour))
	return s
}

func BenchmarkGet(b *testing.B) {
	sizes(b, func(b *testing.B, n int) {
		s, ctx := filled(b, n), context.Background()
		ids := make([]string, n)
		for i := range ids {
			ids[i] = token(i*7919%n, time.Time{}).ID
		}
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, err := s.Get(ctx, "grant", ids[i%n]); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkPutCreate is steady traffic: with every record that is put another
// expires, and is freed.
func BenchmarkPutCreate(b *testing.B) {
	sizes(b, func(b *testing.B, n int) {
		const tick = 10 * time.Microsecond
		clock, ctx := new(storetest.Clock), context.Background()
		s := &memory.Store{Now: clock.Now}
		r, ids := token(0, time.Time{}), make([]string, 2*n)
		for i := range ids {
			ids[i] = token(i, time.Time{}).ID
		}
		put := func(i int) {
			clock.Advance(tick)
			r.ID = ids[i%len(ids)]
			r.Grant, r.Expires = r.ID, clock.Now().Add(time.Duration(n)*tick)
			if err := s.Put(ctx, r); err != nil {
				b.Fatal(err)
			}
		}
		for i := range ids {
			put(i)
		}
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			put(i)
		}
		b.ReportMetric(float64(s.Len())/float64(n), "held/live")
	})
}

func BenchmarkPutUpdate(b *testing.B) {
	sizes(b, func(b *testing.B, n int) {
		s, ctx := filled(b, n), context.Background()
		r, versions, expires := token(0, time.Time{}), make([]int64, n), time.Now().Add(time.Hour)
		ids := make([]string, n)
		for i := range ids {
			ids[i] = token(i*7919%n, time.Time{}).ID
		}
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			versions[i%n]++
			expires = expires.Add(time.Microsecond)
			r.ID, r.Grant, r.Version, r.Expires = ids[i%n], ids[i%n], versions[i%n], expires
			if err := s.Put(ctx, r); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkFindBySubject(b *testing.B) {
	sizes(b, func(b *testing.B, n int) {
		s, ctx := filled(b, n), context.Background()
		for i := range 10 {
			r := token(n+i, time.Time{})
			r.Subject = "alice"
			require.NoError(b, s.Put(ctx, r))
		}
		b.ReportAllocs()
		for b.Loop() {
			if found, err := s.Find(ctx, store.Query{Kind: "grant", Subject: "alice"}); err != nil || len(found) != 10 {
				b.Fatal(len(found), err)
			}
		}
	})
}

// BenchmarkDeleteByGrant is the revocation of one grant; the records are put
// anew outside the count.
func BenchmarkDeleteByGrant(b *testing.B) {
	sizes(b, func(b *testing.B, n int) {
		s, ctx := filled(b, n), context.Background()
		ids := make([]string, n)
		for i := range ids {
			ids[i] = token(i, time.Time{}).ID
		}
		b.ReportAllocs()
		b.ResetTimer()
		for i := range b.N {
			if i > 0 && i%n == 0 {
				b.StopTimer()
				fill(b, s, n, time.Now().Add(time.Hour))
				b.StartTimer()
			}
			if deleted, err := s.Delete(ctx, store.Query{Grant: ids[i%n]}); err != nil || deleted != 1 {
				b.Fatal(deleted, err)
			}
		}
	})
}

func BenchmarkGetParallel(b *testing.B) {
	const n = 100_000
	s, ctx := filled(b, n), context.Background()
	ids := make([]string, n)
	for i := range ids {
		ids[i] = token(i*7919%n, time.Time{}).ID
	}
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if _, err := s.Get(ctx, "grant", ids[i%n]); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkMemory(b *testing.B) {
	sizes(b, func(b *testing.B, n int) {
		bytes := 0.0
		for b.Loop() {
			bytes = bytesPerRecord(b, n)
		}
		b.ReportMetric(bytes, "bytes/record")
	})
}

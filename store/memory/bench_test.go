package memory_test

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/store"
	"github.com/grantor-go/grantor/store/memory"
)

const benchKind store.Kind = "grant"

// sample is a record the size of a live opaque token.
func sample(i int, client string) store.Record {
	id := fmt.Sprintf("%022d", i)
	return store.Record{
		Kind: benchKind, ID: id, Grant: id, Client: client, Subject: client,
		Expires: time.Now().Add(10*time.Minute + time.Duration(i)),
		Data:    make([]byte, 190),
	}
}

func filled(tb testing.TB, n int) *memory.Store {
	tb.Helper()
	s := memory.New()
	for i := range n {
		require.NoError(tb, s.Put(context.Background(), sample(i, "client-0000000000000001")))
	}
	return s
}

func sizes(b *testing.B, run func(b *testing.B, n int)) {
	for _, n := range []int{1e3, 1e5, 1e6} {
		b.Run(strconv.Itoa(n)+" records", func(b *testing.B) { run(b, n) })
	}
}

func BenchmarkGet(b *testing.B) {
	sizes(b, func(b *testing.B, n int) {
		s, ctx := filled(b, n), context.Background()
		ids := make([]string, n)
		for i := range ids {
			ids[i] = sample(i*7919%n, "").ID
		}
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			if _, err := s.Get(ctx, benchKind, ids[i%n]); err != nil {
				b.Fatal(err)
			}
			i++
		}
	})
}

func BenchmarkPutCreate(b *testing.B) {
	sizes(b, func(b *testing.B, n int) {
		s, ctx := filled(b, n), context.Background()
		records := make([]store.Record, b.N)
		for i := range records {
			records[i] = sample(n+i, "client-0000000000000001")
		}
		b.ReportAllocs()
		b.ResetTimer()
		for i := range records {
			if err := s.Put(ctx, records[i]); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkPutUpdate(b *testing.B) {
	sizes(b, func(b *testing.B, n int) {
		s, ctx := filled(b, n), context.Background()
		records := make([]store.Record, n)
		for i := range records {
			records[i] = sample(i*7919%n, "client-0000000000000001")
		}
		b.ReportAllocs()
		b.ResetTimer()
		for i := range b.N {
			r := &records[i%n]
			r.Version++
			r.Expires = r.Expires.Add(time.Minute)
			if err := s.Put(ctx, *r); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkFindBySubject(b *testing.B) {
	sizes(b, func(b *testing.B, n int) {
		s, ctx := filled(b, n), context.Background()
		for i := range 10 {
			require.NoError(b, s.Put(ctx, sample(n+i, "alice")))
		}
		b.ReportAllocs()
		for b.Loop() {
			if found, err := s.Find(ctx, store.Query{Kind: benchKind, Subject: "alice"}); err != nil || len(found) != 10 {
				b.Fatal(len(found), err)
			}
		}
	})
}

func BenchmarkDeleteGrant(b *testing.B) {
	s, ctx := filled(b, 1e5), context.Background()
	b.ReportAllocs()
	for i := range b.N {
		if _, err := s.Delete(ctx, store.Query{Grant: sample(i%1e5, "").ID}); err != nil {
			b.Fatal(err)
		}
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestZ(t *testing.T) {
	for _, n := range []int{1e5, 5e5, 9e5, 1e6} {
		for _, distinct := range []bool{false, true} {
			before := heap()
			s := memory.New()
			for i := range n {
				c := "client-0000000000000001"
				if distinct {
					c = fmt.Sprintf("client-%016d", i)
				}
				_ = s.Put(context.Background(), sample(i, c))
			}
			t.Log(n, distinct, float64(heap()-before)/float64(n))
			a := time.Now()
			k, _ := s.Delete(context.Background(), store.Query{ExpiredAt: time.Now().Add(time.Hour)})
			t.Log(k, time.Since(a)/time.Duration(n), heap()-before)
			runtime.KeepAlive(s)
		}
	}
}

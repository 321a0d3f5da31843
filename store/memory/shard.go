package memory

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grantor-go/grantor/store"
)

// freedByPut is how many due records one Put frees at most: many more than the
// one it may add, so that a backlog melts even when traffic has dropped, and few
// enough that nobody waits for it (some 60 µs).
const freedByPut = 128

// A shard is a part of the store under one lock.
type shard struct {
	mu     sync.Mutex
	kinds  map[store.Kind]*table
	tables []*table // by number; kinds are few and stay
	queue  queue    // every record that will expire, of all tables

	// related counts the records whose Grant is neither empty nor their ID. It
	// is written under the lock and read without it: while it is zero, nothing
	// here belongs to a grant that lives in another shard.
	related atomic.Int64
}

func (sh *shard) len() int {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	n := 0
	for _, t := range sh.tables {
		n += t.records.len()
	}
	return n
}

// get returns the record without its Data, and apart from it the Data for the
// caller to copy when nobody waits for the lock any more.
func (sh *shard) get(kind store.Kind, id string, clock func() time.Time) (r store.Record, data string, ok bool) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e := sh.entry(kind, id)
	if e == nil || e.expired(clock().UnixMicro()) {
		return r, "", false
	}
	return e.record(kind), e.data, true
}

// put compares and swaps. The clock is read under the lock: were it read before,
// a writer who waited could revive what another already saw expired.
func (sh *shard) put(r *store.Record, data string, clock func() time.Time) error {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	now := clock().UnixMicro()
	sh.free(now)
	e := sh.entry(r.Kind, r.ID)
	if e != nil && e.expired(now) {
		sh.remove(e)
		e = nil
	}
	var version int64
	if e != nil {
		version = e.version
	}
	if r.Version != version {
		return store.ErrConflict
	}
	if e == nil {
		e = sh.table(r.Kind).add(r.ID)
	}
	e.version++
	e.data = data
	sh.tables[e.table].file(e, r)
	sh.schedule(e, micros(r.Expires))
	return nil
}

// free removes a few of the records that expired.
func (sh *shard) free(now int64) {
	for n := 0; n < freedByPut && sh.queue.due(now); n++ {
		sh.remove(sh.queue[0])
	}
}

// entry returns what is stored, expired or not, or nil.
func (sh *shard) entry(kind store.Kind, id string) *entry {
	t := sh.kinds[kind]
	if t == nil {
		return nil
	}
	return t.records.get(id)
}

// table returns the table of the kind, made if need be.
func (sh *shard) table(kind store.Kind) *table {
	t := sh.kinds[kind]
	if t == nil {
		if sh.kinds == nil {
			sh.kinds = make(map[store.Kind]*table)
		}
		t = newTable(kind, int32(len(sh.tables)), &sh.related)
		sh.kinds[t.kind] = t
		sh.tables = append(sh.tables, t)
	}
	return t
}

// schedule sets when e expires and keeps the queue in order.
func (sh *shard) schedule(e *entry, expires int64) {
	if e.expires == expires {
		return
	}
	e.expires = expires
	switch queued := e.place != unqueued; {
	case expires == never && queued:
		sh.queue.remove(e)
	case expires != never && queued:
		sh.queue.fix(e)
	case expires != never:
		sh.queue.add(e)
	}
}

// remove takes e out of everything that refers to it.
func (sh *shard) remove(e *entry) {
	if e.place != unqueued {
		sh.queue.remove(e)
	}
	sh.tables[e.table].remove(e)
}

// never is the expiry of what does not expire.
const never = math.MaxInt64

// micros is t in Unix microseconds, or never if t is zero. Beyond the years that
// records may expire in it stops at their ends.
func micros(t time.Time) int64 {
	switch unix := t.Unix(); {
	case t.IsZero():
		return never
	case unix < minUnix:
		return minUnix * 1e6
	case unix > maxUnix:
		return (maxUnix + 1) * 1e6
	}
	return t.UnixMicro()
}

package grant

import (
	"context"
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// Throttle is a Limiter of one process. Every account and every source address
// has a few attempts, which come back with time. A source from which an account
// was used successfully has attempts of its own for it, so that somebody who
// guesses from elsewhere does not lock the user out. With several processes,
// each counts for itself.
//
// The zero value is ready. Its fields must not change while it is in use. It
// keeps no name and no address, and takes a few megabytes at most.
type Throttle struct {
	PerAccount int           // attempts at one account; 0: 10
	PerSource  int           // attempts from one address, or one IPv6 /64; 0: 50
	Every      time.Duration // after which one attempt comes back; 0: 30 s

	mu      sync.Mutex
	seed    maphash.Seed
	buckets map[bucketID]bucket
}

// A bucketID says what is counted, as a hash: what is presented may be long, and
// must not be kept. Nobody can aim for another's, since the seed is secret.
type bucketID uint64

// A bucket holds attempts that were used up, less those that came back.
type bucket struct {
	used  float64
	since time.Time // when used was right
	good  bool      // of an account from a source: it succeeded
}

// maxBuckets bounds the memory of a Throttle.
const maxBuckets = 1 << 16

func (t *Throttle) limits() (perAccount, perSource float64, every time.Duration) {
	perAccount, perSource, every = float64(t.PerAccount), float64(t.PerSource), t.Every
	if perAccount <= 0 {
		perAccount = 10
	}
	if perSource <= 0 {
		perSource = 50
	}
	if every <= 0 {
		every = 30 * time.Second
	}
	return perAccount, perSource, every
}

// buckets of one attempt.
type counted struct {
	account bucketID // the account's own, or its own from this source
	source  bucketID // 0: none is known
	pair    bucketID // the account from this source; 0: none is known
}

// count finds the buckets of an attempt. The caller holds the lock.
func (t *Throttle) count(a Attempt) counted {
	if t.buckets == nil {
		t.seed, t.buckets = maphash.MakeSeed(), map[bucketID]bucket{}
	}
	type key struct{ what, kind, account, source string }
	id := func(k key) bucketID { return bucketID(maphash.Comparable(t.seed, k)) }
	c := counted{account: id(key{"account", a.Kind, a.Account, ""})}
	if from := network(a.Source); from != "" {
		c.source = id(key{"source", a.Kind, "", from})
		c.pair = id(key{"pair", a.Kind, a.Account, from})
	}
	if t.buckets[c.pair].good {
		c.account = c.pair
	}
	return c
}

// network is what one attacker surely has all of: an IPv4 address, or an IPv6
// /64. What is no address counts as it is.
func network(source string) string {
	ip, err := netip.ParseAddr(source)
	if err != nil {
		return source
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		if p, err := ip.Prefix(64); err == nil {
			return p.String()
		}
	}
	return ip.String()
}

// Allow takes one attempt from the account and one from the source, or says how
// long it is until both have one. An attempt that must wait takes nothing.
func (t *Throttle) Allow(_ context.Context, a Attempt) (time.Duration, error) {
	perAccount, perSource, every := t.limits()
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.count(a)
	wait := t.wait(c.account, perAccount, every, a.Now)
	if c.source != 0 {
		wait = max(wait, t.wait(c.source, perSource, every, a.Now))
	}
	if wait > 0 {
		return wait, nil
	}
	t.use(c.account, 1, every, a.Now)
	if c.source != 0 {
		t.use(c.source, 1, every, a.Now)
	}
	return 0, nil
}

// Record gives the attempts back if it succeeded.
func (t *Throttle) Record(_ context.Context, a Attempt, succeeded bool) {
	if !succeeded {
		return
	}
	_, _, every := t.limits()
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.count(a)
	t.use(c.account, -1, every, a.Now)
	if c.source == 0 {
		return
	}
	t.use(c.source, -1, every, a.Now)
	b := t.buckets[c.pair]
	b.used, b.since, b.good = b.at(a.Now, every), a.Now, true
	t.put(c.pair, b, every, a.Now)
}

// wait is how long until the bucket has an attempt left.
func (t *Throttle) wait(id bucketID, limit float64, every time.Duration, now time.Time) time.Duration {
	over := t.buckets[id].at(now, every) + 1 - limit
	return max(0, time.Duration(over*float64(every)))
}

func (t *Throttle) use(id bucketID, n float64, every time.Duration, now time.Time) {
	b := t.buckets[id]
	b.used, b.since = max(0, b.at(now, every)+n), now
	t.put(id, b, every, now)
}

// at is how many attempts are used up at now.
func (b bucket) at(now time.Time, every time.Duration) float64 {
	return max(0, b.used-max(0, float64(now.Sub(b.since))/float64(every)))
}

// put stores a bucket. When there are too many, those that are as good as new go
// first, then those of strangers, then any: forgetting a few counts is better
// than running out of memory.
func (t *Throttle) put(id bucketID, b bucket, every time.Duration, now time.Time) {
	if _, have := t.buckets[id]; !have && len(t.buckets) >= maxBuckets {
		t.shrink(func(b bucket) bool { return !b.good && b.at(now, every) == 0 })
		t.shrink(func(b bucket) bool { return !b.good })
		t.shrink(func(bucket) bool { return true })
	}
	t.buckets[id] = b
}

// shrink drops buckets until a quarter of the room is free.
func (t *Throttle) shrink(may func(bucket) bool) {
	for id, b := range t.buckets {
		if len(t.buckets) < maxBuckets*3/4 {
			return
		}
		if may(b) {
			delete(t.buckets, id)
		}
	}
}

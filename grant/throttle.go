package grant

import (
	"context"
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
// The zero value is ready. Its fields must not change while it is in use.
type Throttle struct {
	PerAccount int           // attempts at one account; 0: 10
	PerSource  int           // attempts from one address, or one IPv6 /64; 0: 50
	Every      time.Duration // after which one attempt comes back; 0: 30 s

	mu      sync.Mutex
	buckets map[bucketKey]bucket
}

// A bucketKey is what attempts are counted by.
type bucketKey struct{ kind, account, source string }

// A bucket holds attempts that were used up, less those that came back.
type bucket struct {
	used  float64
	since time.Time // when used was right
	good  bool      // of a pair: it succeeded
}

// maxBuckets bounds the memory of a Throttle to some ten megabytes.
const maxBuckets = 1 << 16

func (t *Throttle) limits() (perAccount, perSource float64, every time.Duration) {
	perAccount, perSource, every = float64(t.PerAccount), float64(t.PerSource), t.Every
	if perAccount == 0 {
		perAccount = 10
	}
	if perSource == 0 {
		perSource = 50
	}
	if every == 0 {
		every = 30 * time.Second
	}
	return perAccount, perSource, every
}

// keys names the buckets of an attempt.
func keys(a Attempt) (account, source, pair bucketKey) {
	from := a.Source
	if ip, err := netip.ParseAddr(from); err == nil && ip.Is6() && !ip.Is4In6() {
		if p, err := ip.WithZone("").Prefix(64); err == nil {
			from = p.String()
		}
	}
	who := a.Account
	if len(who) > maxPassword {
		who = who[:maxPassword]
	}
	return bucketKey{a.Kind, who, ""}, bucketKey{a.Kind, "", from}, bucketKey{a.Kind, who, from}
}

// Allow takes one attempt from the account and one from the source, or says how
// long it is until both have one.
func (t *Throttle) Allow(_ context.Context, a Attempt) (time.Duration, error) {
	perAccount, perSource, every := t.limits()
	account, source, pair := keys(a)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.buckets[pair].good {
		account = pair
	}
	wait := max(t.wait(account, perAccount, every, a.Now), t.wait(source, perSource, every, a.Now))
	if wait > 0 {
		return wait, nil
	}
	t.use(account, 1, every, a.Now)
	if a.Source != "" {
		t.use(source, 1, every, a.Now)
	}
	return 0, nil
}

// Record gives the attempts back if it succeeded.
func (t *Throttle) Record(_ context.Context, a Attempt, succeeded bool) {
	if !succeeded {
		return
	}
	_, _, every := t.limits()
	account, source, pair := keys(a)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.buckets[pair].good {
		account = pair
	}
	t.use(account, -1, every, a.Now)
	if a.Source == "" {
		return
	}
	t.use(source, -1, every, a.Now)
	b := t.buckets[pair]
	b.good, b.since = true, a.Now
	t.put(pair, b, every, a.Now)
}

// wait is how long until the bucket has an attempt left.
func (t *Throttle) wait(k bucketKey, limit float64, every time.Duration, now time.Time) time.Duration {
	if k == (bucketKey{kind: k.kind}) {
		return 0 // no source is known
	}
	over := t.buckets[k].at(now, every) + 1 - limit
	return max(0, time.Duration(over*float64(every)))
}

func (t *Throttle) use(k bucketKey, n float64, every time.Duration, now time.Time) {
	b := t.buckets[k]
	b.used, b.since = max(0, b.at(now, every)+n), now
	t.put(k, b, every, now)
}

// at is how many attempts are used up at now.
func (b bucket) at(now time.Time, every time.Duration) float64 {
	return max(0, b.used-max(0, float64(now.Sub(b.since))/float64(every)))
}

// put stores a bucket. When there are too many, those that are as good as new
// go first, then any: forgetting a few counts is better than running out of
// memory.
func (t *Throttle) put(k bucketKey, b bucket, every time.Duration, now time.Time) {
	if t.buckets == nil {
		t.buckets = map[bucketKey]bucket{}
	}
	if _, have := t.buckets[k]; !have && len(t.buckets) >= maxBuckets {
		t.shrink(every, now)
	}
	t.buckets[k] = b
}

func (t *Throttle) shrink(every time.Duration, now time.Time) {
	for k, b := range t.buckets {
		if !b.good && b.at(now, every) == 0 {
			delete(t.buckets, k)
		}
	}
	for k := range t.buckets {
		if len(t.buckets) < maxBuckets*3/4 {
			return
		}
		delete(t.buckets, k)
	}
}

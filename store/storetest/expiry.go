package storetest

import (
	"time"

	"github.com/grantor-go/grantor/store"
)

func expiryChecks() []check {
	return []check{
		{"a record lives until it expires, and its expiry is kept to the second", livesUntilExpiry},
		{"an expired record is not found by Get", expiredGet},
		{"an expired record is not found by Find", expiredFind},
		{"an expired record is not reached by a Delete without ExpiredAt", expiredDelete},
		{"a stale writer cannot bring back what expired", expiredStaysExpired},
		{"an expired record can be created anew, at version 1", createAfterExpiry},
		{"a record put with an expiry that has passed is expired", bornExpired},
		{"an update replaces the expiry", updateReplacesExpiry},
		{"a record that expires in three hundred years is live", farExpiry},
		{"a Delete with ExpiredAt removes what has an expiry not after it, and nothing else", deleteExpired},
		{"a Delete with ExpiredAt is narrowed by every other field", deleteExpiredNarrowed},
	}
}

// expiring puts a record that expires soon.
func (p *probe) expiring(id string) store.Record {
	r := sample(id)
	r.Expires = p.soon()
	return p.put(r)
}

func livesUntilExpiry(p *probe) {
	for i, lifetime := range []time.Duration{time.Minute, time.Hour, 90 * 24 * time.Hour} {
		r := sample(string(rune('a' + i)))
		r.Expires = p.now().Truncate(time.Second).Add(lifetime)
		r = p.put(r)
		p.holds(r)
		p.finds(store.Query{Kind: r.Kind, ID: r.ID}, r)
	}
	forever := p.put(sample("forever"))
	p.holds(forever)
}

func expiredGet(p *probe) {
	r := p.expiring("a")
	p.holds(r)
	p.pass(r.Expires)
	p.lacks(r)
}

func expiredFind(p *probe) {
	r, stays := p.expiring("a"), p.put(sample("b"))
	p.finds(store.Query{Kind: r.Kind}, r, stays)
	p.pass(r.Expires)
	p.finds(store.Query{Kind: r.Kind}, stays)
	p.finds(store.Query{Kind: r.Kind, Client: r.Client, Subject: r.Subject}, stays)
	p.finds(store.Query{Kind: r.Kind, Grant: r.Grant})
	p.finds(store.Query{Kind: r.Kind, ID: r.ID})
}

func expiredDelete(p *probe) {
	r, stays := p.expiring("a"), p.put(sample("b"))
	p.pass(r.Expires)
	p.deletes(store.Query{Kind: r.Kind, ID: r.ID}, 0)
	p.deletes(store.Query{Grant: r.Grant}, 0)
	p.deletes(store.Query{Subject: r.Subject}, 1)
	p.lacks(stays)
}

func expiredStaysExpired(p *probe) {
	r := p.expiring("a")
	r = p.put(r)
	p.pass(r.Expires)
	again := r
	again.Expires = p.now().Add(time.Hour)
	p.conflicts(again)
	p.lacks(r)
	if _, err := p.store.Delete(p.ctx, store.Query{ExpiredAt: p.now()}); err != nil {
		p.broken("Delete of what expired is %q, want no error", err)
	}
	p.conflicts(again)
	p.lacks(r)
}

func createAfterExpiry(p *probe) {
	r := p.put(p.expiring("a"))
	p.pass(r.Expires)
	anew := changed(r, 0)
	anew.Expires = time.Time{}
	p.put(anew)
	anew.Version = 1
	p.holds(anew)
	p.finds(store.Query{Kind: r.Kind, Subject: r.Subject})
	p.finds(store.Query{Kind: r.Kind, Subject: anew.Subject}, anew)
}

func bornExpired(p *probe) {
	past := p.now().Add(-time.Hour).Truncate(time.Second)
	r := sample("a")
	r.Expires = past
	p.put(r)
	p.lacks(r)
	p.put(r)
	p.lacks(r)

	live := p.put(sample("b"))
	ended := live
	ended.Expires = past
	p.put(ended)
	p.lacks(live)
	p.conflicts(live)
	p.finds(store.Query{Kind: r.Kind})
}

func updateReplacesExpiry(p *probe) {
	now := p.now().Truncate(time.Second)
	put := func(id string, first, then time.Time) store.Record {
		r := sample(id)
		r.Expires = first
		r = p.put(r)
		r.Expires = then
		return p.put(r)
	}
	soon := p.soon()
	later := put("later", soon, now.Add(time.Hour))
	never := put("never", soon, time.Time{})
	sooner := put("sooner", now.Add(time.Hour), soon)
	p.holds(sooner)
	p.pass(soon)
	p.holds(later)
	p.holds(never)
	p.lacks(sooner)
	p.finds(store.Query{Kind: "grant"}, later, never)
}

func farExpiry(p *probe) {
	r := sample("a")
	r.Expires = p.now().Truncate(time.Second).AddDate(300, 0, 0)
	r = p.put(r)
	p.holds(r)
	p.finds(store.Query{Kind: r.Kind}, r)
}

func deleteExpired(p *probe) {
	at := p.now().Truncate(time.Second).Add(time.Hour)
	put := func(id string, expires time.Time) store.Record {
		r := sample(id)
		r.Expires = expires
		return p.put(r)
	}
	before, exactly := put("before", at.Add(-time.Minute)), put("exactly", at)
	after, never := put("after", at.Add(time.Second)), put("never", time.Time{})
	past := put("past", p.now().Truncate(time.Second).Add(-time.Hour))

	// What expired already may be gone already: it counts or it does not.
	n, err := p.store.Delete(p.ctx, store.Query{ExpiredAt: at})
	if err != nil || n < 2 || n > 3 {
		p.broken("Delete is (%d, %v), want 2 live records, and perhaps 1 expired one", n, err)
	}
	for _, r := range []store.Record{before, exactly, past} {
		p.lacks(r)
	}
	p.holds(after)
	p.holds(never)
	p.deletes(store.Query{ExpiredAt: at}, 0)
}

func deleteExpiredNarrowed(p *probe) {
	at := p.now().Truncate(time.Second).Add(time.Hour)
	target, others := distinct()
	target.Expires = at
	target = p.put(target)
	for i := range others {
		others[i].Expires = at
		others[i] = p.put(others[i])
	}
	p.deletes(store.Query{
		Kind: target.Kind, Grant: target.Grant, Client: target.Client, Subject: target.Subject, ExpiredAt: at,
	}, 1)
	p.lacks(target)
	for _, r := range others {
		p.holds(r)
	}
	p.deletes(store.Query{Kind: target.Kind, ExpiredAt: at}, len(others)-1) // one is of another kind
}

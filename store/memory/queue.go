package memory

import "slices"

// unqueued is the place of an entry that is not in the queue.
const unqueued = -1

// arity is how many children an entry of the heap has. Four halve the depth of a
// binary heap, and with it the entries to visit.
const arity = 4

// A queue is a heap of entries, the one that expires first in front. Entries
// that come nearly in order, as those of one lifetime do, are cheap to add.
type queue []*entry

// due reports whether there is an entry in front that expired.
func (q queue) due(now int64) bool { return len(q) > 0 && q[0].expired(now) }

func (q *queue) add(e *entry) {
	*q = append(*q, e)
	q.up(e, len(*q)-1)
}

// fix restores the order after e's expiry changed.
func (q queue) fix(e *entry) {
	q.up(e, int(e.place))
	q.down(e, int(e.place))
}

func (q *queue) remove(e *entry) {
	h, i := *q, int(e.place)
	last := h[len(h)-1]
	h[len(h)-1] = nil
	h = h[:len(h)-1]
	if cap(h) > minRoom && len(h) < cap(h)/4 {
		h = slices.Clip(slices.Clone(h))
	}
	*q = h
	e.place = unqueued
	if last != e {
		last.place = int32(i)
		h[i] = last
		h.fix(last)
	}
}

// expired visits the entries that expired, in no order, until visit is false.
func (q queue) expired(now int64, visit func(*entry) bool) {
	q.expiredBelow(0, now, visit)
}

func (q queue) expiredBelow(i int, now int64, visit func(*entry) bool) bool {
	if i >= len(q) || !q[i].expired(now) {
		return true
	}
	if !visit(q[i]) {
		return false
	}
	for c := arity*i + 1; c <= arity*i+arity; c++ {
		if !q.expiredBelow(c, now, visit) {
			return false
		}
	}
	return true
}

// up puts e in the place i or, past all that expire later, in one nearer the front.
func (q queue) up(e *entry, i int) {
	for i > 0 {
		parent := (i - 1) / arity
		if q[parent].expires <= e.expires {
			break
		}
		q.set(i, q[parent])
		i = parent
	}
	q.set(i, e)
}

// down puts e in the place i or, past all that expire earlier, in one further back.
func (q queue) down(e *entry, i int) {
	for {
		first := arity*i + 1
		if first >= len(q) {
			break
		}
		child := first
		for c := first + 1; c < min(first+arity, len(q)); c++ {
			if q[c].expires < q[child].expires {
				child = c
			}
		}
		if q[child].expires >= e.expires {
			break
		}
		q.set(i, q[child])
		i = child
	}
	q.set(i, e)
}

func (q queue) set(i int, e *entry) { q[i], e.place = e, int32(i) }

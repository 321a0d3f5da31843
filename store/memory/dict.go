package memory

// A dict is a map that gives memory back: a Go map keeps the room it once needed.
type dict[V any] struct {
	m    map[string]V
	peak int // the most entries since m was made
}

// minRoom is the size below which a map's, or a queue's, room is not worth
// giving back.
const minRoom = 64

func (d *dict[V]) len() int         { return len(d.m) }
func (d *dict[V]) get(key string) V { return d.m[key] }

func (d *dict[V]) set(key string, v V) {
	if d.m == nil {
		d.m = make(map[string]V)
	}
	d.m[key] = v
	d.peak = max(d.peak, len(d.m))
}

// drop deletes the key. When three quarters of the entries are gone it moves the
// others to a smaller map, which costs less than deleting them did.
func (d *dict[V]) drop(key string) {
	delete(d.m, key)
	if d.peak < minRoom || len(d.m) > d.peak/4 {
		return
	}
	m := make(map[string]V, len(d.m))
	for k, v := range d.m {
		m[k] = v
	}
	d.m, d.peak = m, len(m)
}

package storetest

import (
	"bytes"
	"errors"
	"strings"

	"github.com/grantor-go/grantor/store"
)

func valueChecks() []check {
	return []check{
		{"Data comes back as the same JSON value", dataComesBack},
		{"a megabyte of Data comes back whole", bigData},
		{"what was passed to Put is not kept: the caller may reuse it", putCopies},
		{"what Get and Find return is the caller's to change", readsCopy},
		{"IDs are compared byte by byte", idsByteByByte},
		{"Grant, Client and Subject are compared byte by byte", namesByteByByte},
		{"an ID, Grant, Client and Subject of 255 bytes are kept whole", longNames},
		{"a record without a Kind or an ID is refused", anonymous},
		{"a record outside the limits is refused, or kept as it is; it is never altered", outsideLimits},
	}
}

func dataComesBack(p *probe) {
	for _, data := range []string{
		`{}`, `[]`, `null`, `true`, `""`, `0`, `-1.5`, `"text"`,
		`{"v":1,"nested":{"list":[1,"2",null,{"deep":[[]]}]}}`,
		`{"largest":9223372036854775807,"beyond a float":9007199254740993,"small":1e-9}`,
		`"quotes \" and \\ and \/ and \n and \t"`,
		`"caf\u00e9, ` + "café, 東京, 🔑, \u202e" + `, \ud83d\udd11"`,
		`"<script>&amp;</script>"`, `"a \u0000 within"`, `{"":"empty name","a b":"space","ä":"umlaut"}`,
		`  [ 1 , 2 ]  `,
	} {
		r := sample("a")
		r.Data = []byte(data)
		r = p.put(r)
		p.holds(r)
		p.finds(store.Query{Kind: r.Kind}, r)
		p.deletes(store.Query{Kind: r.Kind, ID: r.ID}, 1)
	}
}

func bigData(p *probe) {
	r := sample("a")
	r.Data = []byte(`"` + strings.Repeat("0123456789abcdef", 1<<16) + `"`)
	r = p.put(r)
	p.holds(r)
	r.Data[len(r.Data)/2] = 'x'
	r = p.put(r)
	p.holds(r)
	p.finds(store.Query{Kind: r.Kind}, r)
}

// spoil overwrites data with another JSON value of the same length.
func spoil(data []byte) {
	copy(data, "["+strings.Repeat(" ", len(data)-2)+"]")
}

func putCopies(p *probe) {
	r := sample("a")
	data := bytes.Clone(r.Data)
	for range 2 { // a create, then an update
		passed := r
		passed.Data = bytes.Clone(data)
		stored := p.put(passed)
		spoil(passed.Data)
		stored.Data = data
		p.holds(stored)
		p.finds(store.Query{Kind: r.Kind}, stored)
		r = stored
	}
}

func readsCopy(p *probe) {
	r := p.put(sample("a"))
	for range 2 {
		got, err := p.store.Get(p.ctx, r.Kind, r.ID)
		if err != nil {
			p.broken("Get of %s is %q, want the record", describe(r), err)
		}
		spoil(got.Data)
		p.holds(r)
		for _, found := range p.find(store.Query{Kind: r.Kind}) {
			spoil(found.Data)
		}
		p.holds(r)
	}
}

func idsByteByByte(p *probe) {
	var stored []store.Record
	for _, id := range strangeIDs() {
		p.lacks(sample(id))
		stored = append(stored, p.put(sample(id)))
	}
	for i, r := range stored {
		p.finds(store.Query{Kind: r.Kind, ID: r.ID}, r)
		stored[i] = p.put(r)
	}
	for i, r := range stored {
		p.deletes(store.Query{Kind: r.Kind, ID: r.ID}, 1)
		for _, other := range stored[i+1:] {
			p.holds(other)
		}
	}
}

func namesByteByByte(p *probe) {
	names := append(strangeIDs(),
		"é", "e\u0301", "É", "ß", "ss", "ı", "i", "I", "İ", "東京", "🔑", "\u00a0", "a\u00a0", "\u200b", "a\u200b", "\ufeffa",
		"\t", "a\t", "\n", "a\n", "\r\n", "\x01", "\x7f", "\u2028", "\u202e", "Ａ", "ﬁ", "\ufffd", "user@example.com",
		"https://example.com/?a=b&c=%00#d", "CN=a,O=\"b\"", "('a')", "a\\",
	)
	for i, name := range names {
		r := sample("id-" + string(rune('a'+i%26)) + strings.Repeat("x", i/26))
		r.Grant, r.Client, r.Subject = name, name, name
		r = p.put(r)
		for _, q := range []store.Query{{Grant: name}, {Client: name}, {Subject: name}} {
			q.Kind = r.Kind
			p.finds(q, r)
		}
	}
	for i, name := range names {
		q := []store.Query{{Grant: name}, {Client: name}, {Subject: name}}[i%3]
		p.deletes(q, 1)
	}
}

func longNames(p *probe) {
	long := strings.Repeat("0123456789abcde", 17)
	wide := strings.Repeat("é", 127)
	r, other := sample(long), sample(long[:254]+"~")
	r.Grant, r.Client, r.Subject = long, wide+"a", wide+"b"
	other.Grant, other.Client, other.Subject = long[:254]+"~", wide+"c", wide+"d"
	r, other = p.put(r), p.put(other)
	p.holds(r)
	p.holds(other)
	p.finds(store.Query{Kind: r.Kind, Grant: r.Grant}, r)
	p.finds(store.Query{Kind: r.Kind, Client: r.Client}, r)
	p.finds(store.Query{Kind: r.Kind, Subject: r.Subject}, r)
	p.deletes(store.Query{Kind: r.Kind, ID: r.ID}, 1)
	p.holds(other)
}

func anonymous(p *probe) {
	keep := p.put(sample("keep"))
	for _, r := range []store.Record{{Kind: "grant", Data: keep.Data}, {ID: "a", Data: keep.Data}} {
		if err := p.store.Put(p.ctx, r); err == nil || errors.Is(err, store.ErrConflict) {
			p.broken("Put of %s is %v, want an error that says so", describe(r), err)
		}
		p.finds(store.Query{Kind: keep.Kind}, keep)
	}
}

func outsideLimits(p *probe) {
	keep := p.put(sample("keep"))
	for _, alter := range []func(r *store.Record){
		func(r *store.Record) { r.ID = strings.Repeat("a", 256) },
		func(r *store.Record) { r.ID = strings.Repeat("a", 70000) },
		func(r *store.Record) { r.ID = "a\nb" },
		func(r *store.Record) { r.ID = "a\x00b" },
		func(r *store.Record) { r.ID = "é" },
		func(r *store.Record) { r.Grant = strings.Repeat("a", 256) },
		func(r *store.Record) { r.Client = strings.Repeat("é", 128) },
		func(r *store.Record) { r.Subject = strings.Repeat("a", 70000) },
		func(r *store.Record) { r.Subject = "a\x00b" },
		func(r *store.Record) { r.Client = "a\xffb" },
	} {
		r := sample("a")
		alter(&r)
		switch err := p.store.Put(p.ctx, r); {
		case errors.Is(err, store.ErrConflict):
			p.broken("Put of %s is ErrConflict: a caller would try again", describe(r))
		case err == nil:
			r.Version = 1
			p.holds(r)
			p.deletes(store.Query{Kind: r.Kind, ID: r.ID, Client: r.Client, Subject: r.Subject}, 1)
		}
		p.finds(store.Query{Kind: "grant"}, keep)
	}
}

package grant

import "github.com/grantor-go/grantor/internal/jsonw"

// A grant's record is one JSON object, readable by a person with a database
// shell. The codec is written by hand because it runs for every token;
// FuzzRecord holds it against encoding/json.

// recordVersion is the "v" of the records written here. Every version that was
// ever written stays readable; testdata/records keeps one of each.
const recordVersion = 1

// encode writes the record's data.
func (g *Grant) encode(w *jsonw.Writer) error {
	w.Reset()
	w.Open('{')
	w.Int("v", recordVersion)
	w.Text("iss", g.issuer)
	w.Text("type", g.Type)
	w.Words("scope", g.Scopes)
	w.Words("resource", g.Resources)
	w.Time("created", g.Created)
	w.Time("expires", g.Expires)
	w.Time("auth_time", g.AuthTime)
	w.Time("until", g.until)
	g.code.encode(w)
	g.refresh.encode(w)
	encodeIssued(w, g.issued)
	if len(g.Extra) > 0 {
		if err := w.Value("extra", g.Extra); err != nil {
			return err
		}
	}
	w.Close('}')
	return nil
}

func (c *codeState) encode(w *jsonw.Writer) {
	if c == nil {
		return
	}
	w.Name("code")
	w.Open('{')
	w.Text("digest", string(c.digest))
	w.Time("expires", c.expires)
	if !c.created.IsZero() {
		w.Int("created_ms", c.created.UnixMilli())
	}
	w.Text("redirect_uri", c.redirectURI)
	w.Text("code_challenge", c.challenge)
	w.True("spent", c.spent)
	w.Close('}')
}

func (r *refreshState) encode(w *jsonw.Writer) {
	if r == nil {
		return
	}
	w.Name("refresh")
	w.Open('{')
	w.Bytes("family", r.family[:])
	w.Text("digest", string(r.current))
	w.Text("previous", string(r.previous))
	if !r.rotated.IsZero() {
		w.Int("rotated_ms", r.rotated.UnixMilli())
	}
	w.Text("sealed", r.sealed)
	w.Time("expires", r.expires)
	w.Close('}')
}

func encodeIssued(w *jsonw.Writer, tokens []issued) {
	if len(tokens) == 0 {
		return
	}
	w.Name("access")
	w.Open('[')
	for _, i := range tokens {
		w.Next()
		w.Open('{')
		w.Text("digest", string(i.digest))
		w.Text("revoked", i.revoked)
		w.Time("created", i.created)
		w.Time("expires", i.expires)
		w.Words("scope", i.scopes)
		w.Words("resource", i.resources)
		w.Raw("claims", i.claims)
		w.Close('}')
	}
	w.Close(']')
}

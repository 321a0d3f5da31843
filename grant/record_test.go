package grant_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/grant"
)

// reference reads a record with encoding/json alone. Objects are maps of raw
// members, since a struct would take "V" for "v" and mix members that come
// twice; the last one counts.
func reference(data []byte) (s grant.State, err error) {
	defer func() {
		if v := recover(); v != nil {
			e, ok := v.(error)
			if !ok {
				panic(v)
			}
			err = e
		}
	}()
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	object := func(raw json.RawMessage) (m map[string]json.RawMessage) {
		must(json.Unmarshal(raw, &m))
		return m
	}
	text := func(raw json.RawMessage) (v string) {
		if raw != nil {
			must(json.Unmarshal(raw, &v))
		}
		return v
	}
	number := func(raw json.RawMessage) (v int64) { must(json.Unmarshal(raw, &v)); return v }
	at := func(raw json.RawMessage) (t time.Time) {
		if raw != nil {
			t = time.Unix(number(raw), 0)
		}
		return t
	}
	list := func(raw json.RawMessage) []string {
		switch {
		case raw == nil:
			return nil
		case text(raw) == "":
			return []string{}
		}
		return strings.Split(text(raw), " ")
	}
	m := object(data)
	if m["v"] == nil || number(m["v"]) != 1 {
		return s, errors.New("not version 1")
	}
	s = grant.State{
		Type: text(m["type"]), Scopes: list(m["scope"]), Resources: list(m["resource"]),
		Created: at(m["created"]), Expires: at(m["expires"]), AuthTime: at(m["auth_time"]), Until: at(m["until"]),
	}
	if m["extra"] != nil {
		s.Extra = object(m["extra"])
	}
	if m["code"] != nil {
		c := object(m["code"])
		s.Code = &grant.CodeState{Digest: text(c["digest"]), RedirectURI: text(c["redirect_uri"]), Challenge: text(c["code_challenge"]), Expires: at(c["expires"])}
		if c["spent"] != nil {
			must(json.Unmarshal(c["spent"], &s.Code.Spent))
		}
	}
	if m["refresh"] != nil {
		r := object(m["refresh"])
		s.Refresh = &grant.RefreshState{Current: text(r["digest"]), Previous: text(r["previous"]), Sealed: text(r["sealed"]), Expires: at(r["expires"])}
		if r["rotated_ms"] != nil {
			s.Refresh.Rotated = time.UnixMilli(number(r["rotated_ms"]))
		}
		if r["family"] != nil {
			key, err := base64.RawURLEncoding.DecodeString(text(r["family"]))
			must(err)
			if copy(s.Refresh.Family[:], key) != len(key) || len(key) != 32 {
				return s, errors.New("no family key")
			}
		}
	}
	var access []json.RawMessage
	if m["access"] != nil {
		must(json.Unmarshal(m["access"], &access))
	}
	for _, raw := range access {
		i := object(raw)
		s.Issued = append(s.Issued, grant.Issued{
			Digest: text(i["digest"]), Revoked: text(i["revoked"]), Created: at(i["created"]), Expires: at(i["expires"]),
			Scopes: list(i["scope"]), Resources: list(i["resource"]), Claims: i["claims"],
		})
	}
	return s, nil
}

// requireSame fails unless two states mean the same. Raw JSON may be spelled
// differently.
func requireSame(t *testing.T, want, got grant.State) {
	t.Helper()
	plain := func(s grant.State) grant.State {
		s.Created, s.Expires, s.AuthTime, s.Until = utc(s.Created), utc(s.Expires), utc(s.AuthTime), utc(s.Until)
		if s.Code != nil {
			c := *s.Code
			c.Expires, s.Code = utc(c.Expires), &c
		}
		if s.Refresh != nil {
			r := *s.Refresh
			r.Expires, r.Rotated, s.Refresh = utc(r.Expires), utc(r.Rotated), &r
		}
		var list []grant.Issued
		for _, i := range s.Issued {
			i.Created, i.Expires, i.Claims = utc(i.Created), utc(i.Expires), canonical(t, i.Claims)
			list = append(list, i)
		}
		s.Issued = list
		extra := map[string]json.RawMessage{}
		for name, raw := range s.Extra {
			extra[name] = canonical(t, raw)
		}
		s.Extra = extra
		return s
	}
	want, got = plain(want), plain(got)
	if !reflect.DeepEqual(want, got) {
		t.Fatalf("got\n%+v\nwant\n%+v", got, want)
	}
}

// utc makes equal times identical, as far as a record tells them apart.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMilli(t.UnixMilli()).UTC()
}

// canonical is the one spelling of a JSON value.
func canonical(t *testing.T, raw json.RawMessage) json.RawMessage {
	t.Helper()
	if raw == nil {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	require.NoError(t, d.Decode(&v), "%s", raw)
	out, err := json.Marshal(v)
	require.NoError(t, err)
	return out
}

var update = flag.Bool("new-records", false, "write testdata/records files that do not exist yet; those that exist are never changed")

// family is the key of the refresh tokens in the records below.
var family = [32]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 255}

// recorded are the states of the files in testdata/records.
func recorded() map[string]grant.State {
	at := func(s int64) time.Time { return time.Unix(1800000000+s, 0) }
	const sum = "$sha256$47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
	const peppered = "$hs256$p1$47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
	return map[string]grant.State{
		"grant.v1.json": { // a machine's token
			Type: "client_credentials", Scopes: []string{"read"}, Created: at(0),
			Issued: []grant.Issued{{Digest: sum, Created: at(0), Expires: at(600)}},
		},
		"grant.v1.code.json": { // asked for, not redeemed
			Type: "authorization_code", Scopes: []string{"openid", "read"}, Resources: []string{"https://api.example", "https://b.example/x?y"},
			Created: at(0), Expires: at(7776000), AuthTime: at(-30),
			Code: &grant.CodeState{Digest: sum, Expires: at(60), RedirectURI: `https://client.example/cb?a="b"&c=ü`, Challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"},
		},
		"grant.v1.refresh.json": { // refreshed, and everything else that there is
			Type: "authorization_code", Scopes: []string{"read", "write"}, Resources: []string{"https://api.example"},
			Created: at(0), Expires: at(7776000), AuthTime: at(-30), Until: at(900),
			Code:    &grant.CodeState{Digest: sum, Expires: at(60), RedirectURI: "https://client.example/cb", Spent: true},
			Refresh: &grant.RefreshState{Family: family, Current: peppered, Previous: sum, Sealed: "c2VhbGVk", Rotated: time.UnixMilli(1800000010123), Expires: at(1209610)},
			Issued: []grant.Issued{
				{Digest: peppered, Created: at(10), Expires: at(610), Scopes: []string{"read"}, Resources: []string{}, Claims: json.RawMessage(`{"roles":["a",{"b":null}],"n":1.5}`)},
				{Revoked: "0123456789abcdefghijkl.0123456789ab", Expires: at(700), Scopes: []string{}},
			},
			Extra: map[string]json.RawMessage{"oidc": json.RawMessage(`{"nonce":"n\u2028é","max_age":0}`), "x": json.RawMessage(`null`)},
		},
		"grant.v1.password.json": { // no scope at all
			Type: "password", Scopes: []string{}, Created: at(0), Expires: at(7776000), AuthTime: at(0),
			Refresh: &grant.RefreshState{Family: family, Current: sum, Expires: at(1209600)},
		},
	}
}

func TestRecordsOfEveryVersion(t *testing.T) {
	for name, want := range recorded() {
		t.Run(name+" is read as on the day it was written", func(t *testing.T) {
			path := "testdata/records/" + name
			if _, err := os.Stat(path); *update && errors.Is(err, os.ErrNotExist) {
				data, err := want.Encode()
				require.NoError(t, err)
				var pretty bytes.Buffer
				require.NoError(t, json.Indent(&pretty, data, "", "  "))
				pretty.WriteByte('\n')
				require.NoError(t, os.WriteFile(path, pretty.Bytes(), 0o644))
			}
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			got, err := grant.Decode(data)
			require.NoError(t, err)
			requireSame(t, want, got)
		})
	}
	t.Run("every file is among them", func(t *testing.T) {
		files, err := os.ReadDir("testdata/records")
		require.NoError(t, err)
		for _, f := range files {
			if _, known := recorded()[f.Name()]; !known {
				t.Errorf("nothing reads %s", f.Name())
			}
		}
	})
}

func TestRecordVersion(t *testing.T) {
	for name, c := range map[string]struct {
		data    string
		version bool // or merely broken
	}{
		"a later version":                       {`{"v":2,"type":"password"}`, true},
		"a later version of another shape":      {`{"v":2,"scope":["read"],"code":null}`, true},
		"a later version that says so last":     {`{"scope":{"read":true},"v":3}`, true},
		"no version":                            {`{"type":"password"}`, true},
		"no version, and another shape":         {`{"scope":["read"]}`, true},
		"version 0":                             {`{"v":0}`, true},
		"this version, broken":                  {`{"v":1,"scope":["read"]}`, false},
		"a version that is no number":           {`{"v":"1"}`, false},
		"a version that is no integer":          {`{"v":1.0}`, false},
		"something after the record":            {`{"v":1} {"v":2}`, false},
		"an array":                              {`[{"v":1}]`, false},
		"null":                                  {`null`, true},
		"nothing":                               {``, false},
		"half a record":                         {`{"v":1,"type":"pass`, false},
		"a family key that is too long":         {`{"v":1,"refresh":{"family":"AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAh"}}`, false},
		"a family key that is too short":        {`{"v":1,"refresh":{"family":"AQID"}}`, false},
		"a time that is no integer":             {`{"v":1,"expires":1e9}`, false},
		"a time beyond 64 bits":                 {`{"v":1,"expires":9223372036854775808}`, false},
		"a number with leading zeros":           {`{"v":01}`, false},
		"a digest that is null":                 {`{"v":1,"code":{"digest":null}}`, false},
		"claims that are not JSON":              {`{"v":1,"access":[{"claims":{"a":01}}]}`, false},
		"an unknown member that is not JSON":    {`{"v":1,"new":tru}`, false},
		"an unknown member nested too deeply":   {`{"v":1,"new":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}`, false},
		"a string that ends in a backslash":     {`{"v":1,"type":"a\`, false},
		"a string with a control character":     {"{\"v\":1,\"type\":\"a\nb\"}", false},
		"an object that ends after a comma":     {`{"v":1,}`, false},
		"an array that ends after a comma":      {`{"v":1,"access":[{},]}`, false},
		"a flag that is a number":               {`{"v":1,"code":{"spent":1}}`, false},
		"a lone minus sign where a number goes": {`{"v":1,"until":-`, false},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			_, err := grant.Decode([]byte(c.data))
			require.Error(t, err)
			if got := errors.Is(err, grant.ErrVersion); got != c.version {
				t.Errorf("got %v, a matter of the version: %v, want %v", err, got, c.version)
			}
		})
	}
}

func TestRecordReformatted(t *testing.T) {
	for name, want := range recorded() {
		data, err := want.Encode()
		require.NoError(t, err)
		var value map[string]any
		require.NoError(t, json.Unmarshal(data, &value))
		value["added_later"] = map[string]any{"deep": []any{1, "x", nil, map[string]any{"y": 1e-9}}}
		for _, object := range []string{"code", "refresh"} {
			if o, ok := value[object].(map[string]any); ok {
				o["added_later"] = []any{true, "]}"}
			}
		}
		reordered, err := json.Marshal(value) // members by name
		require.NoError(t, err)
		indented, err := json.MarshalIndent(value, "\t", " \t ")
		require.NoError(t, err)
		for how, data := range map[string][]byte{
			"in another order, with members added": reordered,
			"indented":                             indented,
			"with DOS line ends":                   bytes.ReplaceAll(indented, []byte("\n"), []byte("\r\n")),
			"with every letter escaped":            escaped(t, data),
			"with the version last":                []byte(strings.Replace(strings.TrimSuffix(string(data), "}"), `"v":1,`, "", 1) + `,"v":1}`),
		} {
			t.Run(name+" "+how+" says the same", func(t *testing.T) {
				got, err := grant.Decode(data)
				require.NoError(t, err, "%s", data)
				requireSame(t, want, got)
			})
		}
	}
}

// escaped spells every character of every string as an escape.
func escaped(t *testing.T, data []byte) []byte {
	t.Helper()
	const hex = "0123456789abcdef"
	var out []byte
	inside := false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case c == '"':
			inside = !inside
			out = append(out, c)
		case inside && c == '\\':
			out = append(out, c, data[i+1])
			i++
		case inside && c < 0x80 && !(i > 5 && strings.Contains(string(data[max(0, i-5):i]), `\u`)):
			out = append(out, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			out = append(out, c)
		}
	}
	require.True(t, json.Valid(out), "%s", out)
	return out
}

func TestRecordRoundTrip(t *testing.T) {
	t.Run("a thousand random grants come back as they were written", func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 2))
		for range 1000 {
			want := randomState(rng)
			data, err := want.Encode()
			require.NoError(t, err)
			got, err := grant.Decode(data)
			require.NoError(t, err, "%s", data)
			requireSame(t, want, got)
			plain, err := reference(data)
			require.NoError(t, err, "%s", data)
			requireSame(t, want, plain)
		}
	})
	t.Run("extra that is not JSON cannot be written", func(t *testing.T) {
		_, err := grant.State{Extra: map[string]json.RawMessage{"x": json.RawMessage(`{`)}}.Encode()
		require.Error(t, err)
	})
}

func randomState(rng *rand.Rand) grant.State {
	maybe := func() bool { return rng.IntN(2) == 0 }
	text := func() string {
		alphabet := []rune("abc/:._-\"\\<>&é\u2028\x7f\t😀")
		b := make([]rune, 1+rng.IntN(12))
		for i := range b {
			b[i] = alphabet[rng.IntN(len(alphabet))]
		}
		return string(b)
	}
	words := func() (list []string) {
		if maybe() {
			list = []string{}
			for range rng.IntN(4) {
				list = append(list, text())
			}
		}
		return list
	}
	at := func() (t time.Time) {
		if maybe() {
			t = time.Unix(rng.Int64N(4e9)-1e9, 0)
		}
		return t
	}
	raw := func() json.RawMessage {
		out, err := json.Marshal(map[string]any{text(): []any{text(), rng.Int64(), rng.Float64(), nil, maybe()}})
		if err != nil {
			panic(err)
		}
		return out
	}
	s := grant.State{Type: text(), Scopes: words(), Resources: words(), Created: at(), Expires: at(), AuthTime: at(), Until: at()}
	if maybe() {
		s.Code = &grant.CodeState{Digest: text(), RedirectURI: text(), Challenge: text(), Expires: at(), Spent: maybe()}
	}
	if maybe() {
		s.Refresh = &grant.RefreshState{Current: text(), Previous: text(), Sealed: text(), Expires: at(), Rotated: time.UnixMilli(rng.Int64N(4e12))}
		for i := range s.Refresh.Family {
			s.Refresh.Family[i] = byte(rng.Uint32())
		}
	}
	for range rng.IntN(4) {
		i := grant.Issued{Digest: text(), Revoked: text(), Created: at(), Expires: at(), Scopes: words(), Resources: words()}
		if maybe() {
			i.Claims = raw()
		}
		s.Issued = append(s.Issued, i)
	}
	if maybe() {
		s.Extra = map[string]json.RawMessage{text(): raw(), "plain": raw()}
	}
	return s
}

// FuzzRecord holds the codec against encoding/json: whatever it reads, it reads
// as encoding/json does, and can write so that it reads the same again.
func FuzzRecord(f *testing.F) {
	for _, s := range recorded() {
		data, err := s.Encode()
		require.NoError(f, err)
		f.Add(data)
	}
	for _, s := range []string{
		`{"v":1}`, `{"v":1,"v":2}`, `{"v":2,"v":1}`, `{"v":1,"V":2,"new":[{"a":"\u00e9\\"},1e5,-0]}`, `{"v":-1}`, `{"v":1,"scope":"a  b "}`,
		`{"v":1,"code":{"digest":"a"},"code":{"spent":true}}`, `{"v":1,"access":[{}],"access":[{"revoked":"x"}]}`,
		"{\"v\":1,\"type\":\"\xff\\ud800\",\"extra\":{\"\xff\":\"\xfe\"}}", `{"v":1,"until":-62135596800}`, `{"v":1,"extra":{}}`, ` { "v" : 1 } `,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := grant.Decode(bytes.Clone(data))
		if err != nil {
			return
		}
		want, err := reference(data)
		require.NoError(t, err, "encoding/json refuses what was read")
		requireSame(t, want, got)

		written, err := got.Encode()
		require.NoError(t, err)
		require.True(t, json.Valid(written), "%s", written)
		again, err := grant.Decode(written)
		require.NoError(t, err, "%s", written)
		requireSame(t, got, again)
	})
}

func BenchmarkRecord(b *testing.B) {
	data, err := recorded()["grant.v1.refresh.json"].Encode()
	require.NoError(b, err)
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := grant.Decode(data); err != nil {
				b.Fatal(err)
			}
		}
	})
}

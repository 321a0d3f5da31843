package jsonw_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/internal/jsonw"
)

func TestWriterWritesWhatEncodingJSONReads(t *testing.T) {
	w := &jsonw.Writer{}
	for range 2 { // a Writer that was reset is as good as new
		w.Reset()
		w.Open('{')
		w.String("empty", "")
		w.Text("absent", "")
		w.Text("text", "a\"b\\c\n<é>")
		w.Words("none", nil)
		w.Words("no_words", []string{})
		w.Words("words", []string{"read", "write"})
		w.Int("int", -7)
		w.Time("never", time.Time{})
		w.Time("time", time.Unix(1700000000, 9))
		w.True("yes", true)
		w.True("no", false)
		w.Bytes("bytes", []byte{0xff, 0})
		w.Raw("raw", []byte(`{"a":1}`))
		require.NoError(t, w.Value("value", []int{1, 2}))
		w.Name("list")
		w.Open('[')
		for range 2 {
			w.Next()
			w.Open('{')
			w.Close('}')
		}
		w.Close(']')
		w.Close('}')
	}
	var got map[string]any
	require.NoError(t, json.Unmarshal(w.B, &got), "%s", w.B)
	require.Equal(t, map[string]any{
		"empty": "", "text": "a\"b\\c\n<é>", "no_words": "", "words": "read write", "int": -7.0, "time": 1700000000.0,
		"yes": true, "bytes": "_wA", "raw": map[string]any{"a": 1.0}, "value": []any{1.0, 2.0}, "list": []any{map[string]any{}, map[string]any{}},
	}, got)
}

func TestAValueThatIsNotJSONIsRefusedAndNotWritten(t *testing.T) {
	w := &jsonw.Writer{}
	w.Open('{')
	require.Error(t, w.Value("f", func() {}))
	w.Close('}')
	if got := string(w.B); got != "{}" {
		t.Errorf("got %s", got)
	}
}

func FuzzAppendString(f *testing.F) {
	for _, seed := range []string{"", "plain", `q"b\`, "\x00\x1f", "é\xff", "</script>", "\u2028"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want, err := json.Marshal(s)
		require.NoError(t, err)
		if got := jsonw.AppendString(nil, s); string(got) != string(want) {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

package form_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/form"
)

func TestValues(t *testing.T) {
	v, err := form.Parse("scope=&scope=read&resource=https%3A%2F%2Fa.example&state=&resource=&resource=https%3A%2F%2Fb.example&nonce=n")
	require.NoError(t, err)

	t.Run("an empty value is as if omitted", func(t *testing.T) {
		for name, want := range map[string]string{"scope": "read", "state": "", "nonce": "n", "absent": ""} {
			if got := v.Value(name); got != want {
				t.Errorf("Value(%q): got %q, want %q", name, got, want)
			}
		}
	})
	t.Run("a parameter that may repeat yields its values in order", func(t *testing.T) {
		require.Equal(t, []string{"https://a.example", "https://b.example"}, v.All("resource"))
		require.Empty(t, v.All("state"))
		require.Empty(t, v.All("absent"))
	})
	t.Run("repetition counts empty values too", func(t *testing.T) {
		for name, want := range map[string]bool{"scope": true, "resource": true, "state": false, "nonce": false, "absent": false} {
			if got := v.Repeated(name); got != want {
				t.Errorf("Repeated(%q): got %v, want %v", name, got, want)
			}
		}
	})
	t.Run("a name with brackets is another name, not a structure", func(t *testing.T) {
		v, err := form.Parse("scope[a]=b&scope%5B%5D=c")
		require.NoError(t, err)
		require.Empty(t, v.Value("scope"))
		require.Equal(t, []string{"scope[a]", "scope[]"}, slices.Collect(v.Names()))
	})
	t.Run("every name is yielded once, in the order first sent", func(t *testing.T) {
		require.Equal(t, []string{"scope", "resource", "state", "nonce"}, slices.Collect(v.Names()))
	})
	t.Run("a loop over the names may stop early", func(t *testing.T) {
		for name := range v.Names() {
			require.Equal(t, "scope", name)
			break
		}
	})
	t.Run("TK-05: a parameter nobody asks for may repeat", func(t *testing.T) {
		v, err := form.Parse("x=1&grant_type=password&x=2")
		require.NoError(t, err)
		require.Equal(t, "password", v.Value("grant_type"))
		require.False(t, v.Repeated("grant_type"))
	})
	t.Run("names are compared byte by byte", func(t *testing.T) {
		v := form.New("Scope", "a", "scope", "b")
		require.Equal(t, "b", v.Value("scope"))
		require.False(t, v.Repeated("scope"))
	})
}

func TestZeroValues(t *testing.T) {
	t.Run("the zero Values have no parameters", func(t *testing.T) {
		var v form.Values
		require.Empty(t, v.Value("a"))
		require.Nil(t, v.All("a"))
		require.False(t, v.Repeated(""))
		require.Empty(t, slices.Collect(v.Names()))
		require.Empty(t, v.Encode())
	})
	t.Run("and are what nothing parses to", func(t *testing.T) {
		for _, nothing := range []string{"", "&", "&&&"} {
			v, err := form.Parse(nothing)
			require.NoError(t, err)
			require.Equal(t, form.Values{}, v)
		}
		require.Equal(t, form.Values{}, form.New())
	})
}

func TestNew(t *testing.T) {
	t.Run("names and values alternate", func(t *testing.T) {
		v := form.New("a", "1", "b", "x y&é", "a", "")
		if got, want := v.Encode(), "a=1&b=x+y%26%C3%A9&a="; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
	t.Run("a last name without a value has the empty one", func(t *testing.T) {
		require.Equal(t, form.New("a", "1", "b", ""), form.New("a", "1", "b"))
	})
	t.Run("what was kept encoded comes back equal, few or many", func(t *testing.T) {
		for _, n := range []int{1, 16, 17, 128} {
			v := form.New(slices.Repeat([]string{"näme", "v=%+&;\n"}, n)...)
			again, err := form.Parse(v.Encode())
			require.NoError(t, err)
			require.Equal(t, v, again)
		}
	})
}

func TestValuesAreNotPrinted(t *testing.T) {
	const secret = "correct-horse"
	v := form.New("username", "alice", "password", secret)
	// fmt calls no methods on what it finds in private fields.
	hidden := struct{ v form.Values }{v}
	pointed := struct{ v *form.Values }{&v}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("text", "form", v, "hidden", hidden)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("json", "form", v, "hidden", hidden)
	inJSON, err := json.Marshal(map[string]any{"form": v})
	require.NoError(t, err)

	for name, printed := range map[string]string{
		"log":  log.String(),
		"json": string(inJSON),
		"%s":   fmt.Sprintf("%s %s", v, &v),
		"%d":   fmt.Sprintf("%d %x %X %q", v, v, v, v),
		"%v":   fmt.Sprintf("%v %v %v %v", v, &v, hidden, pointed),
		"%+v":  fmt.Sprintf("%+v %+v %+v %+v", v, &v, hidden, pointed),
		"%#v":  fmt.Sprintf("%#v %#v %#v %#v", v, &v, hidden, pointed),
	} {
		t.Run("LG-04: no secret shows in "+name, func(t *testing.T) {
			for _, leak := range []string{secret, "alice", fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret)} {
				if strings.Contains(printed, leak) {
					t.Errorf("found %q in %s", leak, printed)
				}
			}
		})
	}
	if got, want := fmt.Sprint(v, form.Values{}), "form.Values(2 REDACTED) form.Values(0 REDACTED)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func ExampleParse() {
	v, err := form.Parse("grant_type=client_credentials&scope=read+write&resource=https%3A%2F%2Fa.example&resource=https%3A%2F%2Fb.example")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(v.Value("grant_type"))
	fmt.Println(v.Value("scope"))
	fmt.Println(v.All("resource"), v.Repeated("resource"))
	// Output:
	// client_credentials
	// read write
	// [https://a.example https://b.example] true
}

func ExampleValues_Encode() {
	parked := form.New("response_type", "code", "state", "a b&c").Encode()
	fmt.Println(parked)
	resumed, err := form.Parse(parked)
	fmt.Println(resumed.Value("state"), err)
	// Output:
	// response_type=code&state=a+b%26c
	// a b&c <nil>
}

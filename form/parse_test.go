package form_test

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/form"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name, in, want string
	}{
		{"nothing is no parameters", "", ""},
		{"order is kept", "b=2&a=1", "b=2&a=1"},
		{"empty pairs are skipped", "&&a=1&&&b=2&", "a=1&b=2"},
		{"a name alone has an empty value", "a&b=", "a=&b="},
		{"a pair of nothing is still a pair", "=&=x", "=&=x"},
		{"only the first equals sign divides", "a=b=c", "a=b%3Dc"},
		{"plus and %20 are a space, %2B is a plus", "a=x+y%20z%2B", "a=x+y+z%2B"},
		{"names are decoded too", "client%5Fid=a&%72esource=b", "client_id=a&resource=b"},
		{"an escape is decoded once", "a=%2525", "a=%2525"},
		{"either case of an escape is the same", "a=%c3%A9", "a=%C3%A9"},
		{"UTF-8 need not be escaped", "a=é", "a=%C3%A9"},
		{"an escaped separator is a character of the value", "a=1%26b%3D2", "a=1%26b%3D2"},
		{"AZ-53: a semicolon is an ordinary character", "a=1;redirect_uri=https://evil.example", "a=1%3Bredirect_uri%3Dhttps%3A%2F%2Fevil.example"},
		{"AZ-18: line breaks and tabs are decoded, for the caller to judge", "state=%0D%0A%09", "state=%0D%0A%09"},
		{"a cross-pair UTF-8 sequence of whole characters is fine", "%C3%A9=%C3%A9", "%C3%A9=%C3%A9"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, err := form.Parse(c.in)
			require.NoError(t, err)
			if got := v.Encode(); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     error
	}{
		{"TK-08: an escape that is not hexadecimal", "a=%zz&grant_type=client_credentials", form.ErrMalformed},
		{"an escape whose second digit is not hexadecimal", "a=%2g", form.ErrMalformed},
		{"an escape cut short after its percent sign", "a=%", form.ErrMalformed},
		{"an escape cut short after one digit", "a=%2", form.ErrMalformed},
		{"an escape cut short by the next pair", "a=%2&0=1", form.ErrMalformed},
		{"a broken escape in a name", "%4=1", form.ErrMalformed},
		{"a broken escape in the last of many", strings.Repeat("a=1&", 100) + "b=%", form.ErrMalformed},
		{"AZ-19, TK-09: a NUL, escaped", "client_id=a%00b", form.ErrMalformed},
		{"a NUL as it is", "client_id=a\x00b", form.ErrMalformed},
		{"a NUL in a name", "client%00id=a", form.ErrMalformed},
		{"AZ-19, TK-09: a byte that is no UTF-8, escaped", "client_id=%FF", form.ErrMalformed},
		{"a byte that is no UTF-8, as it is", "client_id=\xff", form.ErrMalformed},
		{"an overlong NUL", "a=%C0%80", form.ErrMalformed},
		{"a surrogate", "a=%ED%A0%80", form.ErrMalformed},
		{"half a character at the end of a value, the other half beginning the next name", "a=%C3&%A9=1", form.ErrMalformed},
		{"half a character at the end of a name, the other half beginning its value", "%C3=%A9", form.ErrMalformed},
		{"one parameter too many", strings.Repeat("a=1&", form.MaxPairs) + "b=2", form.ErrTooMany},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, err := form.Parse(c.in)
			if !errors.Is(err, c.want) {
				t.Errorf("got error %v, want %v", err, c.want)
			}
			if got := v.Encode(); got != "" {
				t.Errorf("got Values %q beside the error, want none", got)
			}
			if err != nil && strings.Contains(err.Error(), "client") {
				t.Errorf("the error repeats the request: %v", err)
			}
		})
	}
}

func TestParseIsBounded(t *testing.T) {
	t.Run("as many parameters as allowed are accepted", func(t *testing.T) {
		v, err := form.Parse(strings.Repeat("a=1&", form.MaxPairs))
		require.NoError(t, err)
		if got := len(v.All("a")); got != form.MaxPairs {
			t.Errorf("got %d values, want %d", got, form.MaxPairs)
		}
	})
	for name, in := range map[string]string{
		"HT-07: 100,000 parameters are refused at the first one too many": strings.Repeat("p=1&", 100_000),
		"HT-07: 10,000 equal keys are refused the same way":               strings.Repeat("scope=read&", 10_000),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := form.Parse(in)
			if !errors.Is(err, form.ErrTooMany) {
				t.Errorf("got %v, want %v", err, form.ErrTooMany)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"", "a", "a=", "=a", "=", "&", "a=1&a=2", "a=1;b=2", "a=%zz", "a=%", "a=%2", "%00", "a=%FF", "a=%C3&%A9=1",
		"grant_type=client_credentials&scope=read+write", "a=b=c&&d", "a=%2525+%2B", strings.Repeat("a&", 20), strings.Repeat("a&", 200),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := form.Parse(s)
		if err != nil {
			require.True(t, errors.Is(err, form.ErrMalformed) || errors.Is(err, form.ErrTooMany), "an error of another kind: %v", err)
			require.Equal(t, form.Values{}, v)
			return
		}
		names := slices.Collect(v.Names())
		if want, err := url.ParseQuery(s); err == nil {
			require.Len(t, names, len(want))
			for _, name := range names {
				require.Equal(t, nonEmpty(want[name]), v.All(name))
				require.Equal(t, len(want[name]) > 1, v.Repeated(name))
			}
		}
		for _, name := range names {
			require.NotContains(t, name+strings.Join(v.All(name), ""), "\x00")
		}
		again, err := form.Parse(v.Encode())
		require.NoError(t, err)
		require.Equal(t, v, again)
	})
}

func nonEmpty(values []string) []string {
	kept := slices.DeleteFunc(slices.Clone(values), func(s string) bool { return s == "" })
	if len(kept) == 0 {
		return nil
	}
	return kept
}

package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// maxDepth bounds how deep values may be nested.
const maxDepth = 32

// members are those of a JSON object, each there once.
type members map[string]any

// parseTree reads the text as one JSON value: members for objects, []any for
// arrays, and string, json.Number, bool and nil. It is stricter than encoding/json
// where two programs could read one text differently (RFC 8259 §4, §8.1).
func parseTree(text []byte) (any, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("is not UTF-8; save it in that encoding")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	v, err := parseValue(d, 0)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("goes on after the end of its JSON object; remove the rest")
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w (line %d)", plainly(err), 1+bytes.Count(text[:d.InputOffset()], []byte("\n")))
	}
	return v, nil
}

// plainly puts an error of the JSON reader into a predicate.
func plainly(err error) error {
	if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("is not JSON: %w", err)
	}
	return err
}

func parseValue(d *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errors.New("is nested too deep")
	}
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t {
	case json.Delim('{'):
		return parseObject(d, depth)
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := parseValue(d, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := d.Token()
		return list, err
	}
	return t, nil
}

func parseObject(d *json.Decoder, depth int) (any, error) {
	m := members{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, _ := t.(string) // the decoder accepts nothing else here
		if _, twice := m[name]; twice {
			return nil, fmt.Errorf("has the member %q twice in one object; keep one", clip(name))
		}
		if m[name], err = parseValue(d, depth+1); err != nil {
			return nil, err
		}
	}
	_, err := d.Token()
	return m, err
}

// clip shortens what an error repeats of the file.
func clip(s string) string {
	const most = 64
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

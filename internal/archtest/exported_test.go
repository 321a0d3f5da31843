package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"unicode"
)

// A name is an exported identifier: of the package, or a method of an exported type.
type name struct {
	text       string
	kind       token.Token // TYPE, FUNC, VAR, CONST; FUNC with method set is a method
	method     *ast.FuncDecl
	documented bool
	pos        token.Pos
}

// exported returns the exported names f declares.
func (f *file) exported() (names []name) {
	for _, decl := range f.syntax.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			n := name{text: d.Name.Name, kind: token.FUNC, documented: d.Doc != nil, pos: d.Name.Pos()}
			if d.Recv != nil {
				n.method = d
				if !ast.IsExported(receiver(d)) {
					continue
				}
			}
			names = append(names, n)
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					names = append(names, name{text: s.Name.Name, kind: d.Tok, documented: d.Doc != nil || s.Doc != nil, pos: s.Pos()})
				case *ast.ValueSpec:
					for _, id := range s.Names {
						names = append(names, name{text: id.Name, kind: d.Tok, documented: d.Doc != nil || s.Doc != nil || s.Comment != nil, pos: id.Pos()})
					}
				}
			}
		}
	}
	return slices.DeleteFunc(names, func(n name) bool { return !ast.IsExported(n.text) })
}

// receiver is the name of the type d is a method of.
func receiver(d *ast.FuncDecl) string {
	t := d.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}

// public reports whether p is for others to import.
func (p *pkg) public() bool {
	return !internal(p.rel) && slices.ContainsFunc(p.files, func(f *file) bool { return !f.test && f.syntax.Name.Name != "main" })
}

// checkDocumented: every exported identifier and every package has a doc comment.
func checkDocumented(m *module) (violations []string) {
	described := map[*pkg]bool{}
	for p, f := range m.code {
		described[p] = described[p] || f.syntax.Doc != nil
		if !p.public() {
			continue
		}
		for _, n := range f.exported() {
			if !n.documented {
				violations = append(violations, m.at(n.pos, "%s is exported and has no doc comment", n.text))
			}
		}
	}
	for _, p := range m.packages {
		if said, hasCode := described[p]; hasCode && !said {
			violations = append(violations, m.at(p.files[0].syntax.Package, "package %s has no doc comment", p.name))
		}
	}
	return violations
}

// checkExportedBudget: packages stay small enough to be learned.
func checkExportedBudget(m *module) (violations []string) {
	counts, core := map[*pkg]int{}, 0
	for p, f := range m.code {
		if !p.public() {
			continue
		}
		for _, n := range f.exported() {
			if n.kind != token.CONST && n.method == nil {
				counts[p]++
			}
		}
	}
	for _, p := range m.packages {
		n := counts[p]
		if n > maxExported {
			violations = append(violations, m.at(p.files[0].syntax.Package, "package %s exports %d identifiers, the budget is %d", p.name, n, maxExported))
		}
		if floor, ok := floorOf(p.rel); ok && floor <= highestCoreFloor {
			core += n
		}
	}
	if core > maxCoreExported {
		violations = append(violations, fmt.Sprintf("go.mod:1: the core packages export %d identifiers together, the budget is %d", core, maxCoreExported))
	}
	return violations
}

// checkNames: exported names say what the domain says.
func checkNames(m *module) (violations []string) {
	for p, f := range m.code {
		if internal(p.rel) {
			continue
		}
		for _, n := range f.exported() {
			words := split(n.text)
			for _, w := range words {
				if slices.Contains(emptyWords, w) {
					violations = append(violations, m.at(n.pos, "%s: %q is no word of the domain", n.text, w))
				}
			}
			if n.kind == token.FUNC && slices.Contains(emptyVerbs, words[0]) && !isStoreGet(p, n) {
				violations = append(violations, m.at(n.pos, "%s: say what it does, not %q", n.text, words[0]))
			}
		}
	}
	return violations
}

// isStoreGet reports whether n is the Get of store.Store, or implements it.
func isStoreGet(p *pkg, n name) bool {
	if n.method == nil || n.text != "Get" {
		return false
	}
	return matches("store/...", p.rel) || slices.ContainsFunc(n.method.Type.Params.List, func(param *ast.Field) bool {
		return types.ExprString(param.Type) == "store.Kind"
	})
}

// split returns the words of a name in mixed caps: "JWTKeyID" is JWT, Key, ID.
func split(name string) (words []string) {
	var word strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		after, before := i+1 < len(runes) && unicode.IsLower(runes[i+1]), i > 0 && !unicode.IsUpper(runes[i-1])
		if word.Len() > 0 && unicode.IsUpper(r) && (after || before) {
			words = append(words, word.String())
			word.Reset()
		}
		word.WriteRune(r)
	}
	return append(words, word.String())
}

package archtest

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// checkSizes: a file tells one story, and a function fits on a page.
func checkSizes(m *module) (violations []string) {
	for _, f := range m.code {
		if f.lines > maxFileLines {
			violations = append(violations, m.at(f.syntax.FileStart, "the file has %d lines, the budget is %d: is it still one story?", f.lines, maxFileLines))
		}
		for _, decl := range f.syntax.Decls {
			d, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if lines := m.fset.Position(d.End()).Line - m.fset.Position(d.Pos()).Line + 1; lines > maxFuncLines {
				violations = append(violations, m.at(d.Pos(), "%s has %d lines, the budget is %d", d.Name.Name, lines, maxFuncLines))
			}
		}
	}
	return violations
}

// checkInterfaces: no interface asks for more than can be written in an evening.
func checkInterfaces(m *module) (violations []string) {
	for p, f := range m.code {
		for node := range ast.Preorder(f.syntax) {
			i, ok := node.(*ast.InterfaceType)
			if !ok {
				continue
			}
			if n := m.methods(p, f, i); n > maxMethods {
				violations = append(violations, m.at(i.Pos(), "the interface has %d methods, the budget is %d", n, maxMethods))
			}
		}
	}
	return violations
}

// methods counts the methods of an interface, those of embedded ones included. An
// interface from outside the module counts as one.
func (m *module) methods(p *pkg, f *file, i *ast.InterfaceType) (n int) {
	for _, element := range i.Methods.List {
		n += len(element.Names)
		if len(element.Names) > 0 {
			continue
		}
		switch e := element.Type.(type) {
		case *ast.Ident:
			if embedded, in := p.interfaceNamed(e.Name); embedded != nil {
				n += m.methods(p, in, embedded)
			} else if e.Name == "error" {
				n++
			}
		case *ast.SelectorExpr:
			n += m.methodsOf(f.qualified(e))
		}
	}
	return n
}

// methodsOf counts the methods of an interface by its qualified name.
func (m *module) methodsOf(qualified string) int {
	for _, p := range m.packages {
		path := m.path
		if p.rel != "." {
			path += "/" + p.rel
		}
		for _, f := range p.files {
			for _, n := range f.exported() {
				if i, in := p.interfaceNamed(n.text); i != nil && path+"."+n.text == qualified {
					return m.methods(p, in, i)
				}
			}
		}
	}
	return 1
}

// interfaceNamed finds an interface type of the package, and its file.
func (p *pkg) interfaceNamed(name string) (*ast.InterfaceType, *file) {
	for _, f := range p.files {
		for _, decl := range f.syntax.Decls {
			d, ok := decl.(*ast.GenDecl)
			if !ok || f.test {
				continue
			}
			for _, spec := range d.Specs {
				if t, ok := spec.(*ast.TypeSpec); ok && t.Name.Name == name {
					i, _ := t.Type.(*ast.InterfaceType)
					return i, f
				}
			}
		}
	}
	return nil, nil
}

// checkState: nothing happens at import, and nothing in a package changes.
func checkState(m *module) (violations []string) {
	declared := map[string]bool{}
	for p, f := range m.code {
		declared[p.name] = true
		for _, decl := range f.syntax.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil && d.Name.Name == "init" {
					violations = append(violations, m.at(d.Pos(), "package %s has an init function", p.name))
				}
			case *ast.GenDecl:
				if d.Tok != token.VAR {
					continue
				}
				for _, spec := range d.Specs {
					s := spec.(*ast.ValueSpec)
					for i, id := range s.Names {
						full := p.name + "." + id.Name
						declared[full] = true
						if !f.constantInSpirit(s, i) && variables[full] == "" {
							violations = append(violations, m.at(id.Pos(), "package variable %s can change: pass it, make it a constant, or give the table a reason", full))
						}
					}
				}
			}
		}
	}
	for full := range variables {
		if name := full[:strings.LastIndex(full, ".")]; declared[name] && !declared[full] {
			violations = append(violations, "internal/archtest/tables_test.go:1: variable "+full+" is gone: take it out of the table")
		}
	}
	return violations
}

// makers return what nobody has reason to change afterwards.
var makers = []string{"errors.New", "fmt.Errorf", "regexp.MustCompile", "html/template.Must"}

// constantInSpirit reports whether the i-th variable of s is a sentinel error, a
// pattern, a template, embedded files, an array of plain values, or the blank one
// that makes the compiler check an implementation.
func (f *file) constantInSpirit(s *ast.ValueSpec, i int) bool {
	if s.Names[i].Name == "_" {
		return true
	}
	if s.Type != nil && isPlain(f, s.Type) {
		return true
	}
	if i >= len(s.Values) {
		return false
	}
	switch value := s.Values[i].(type) {
	case *ast.CallExpr:
		switch fun := value.Fun.(type) {
		case *ast.SelectorExpr:
			return slices.Contains(makers, f.qualified(fun))
		case *ast.FuncLit: // a table that is computed
			results := fun.Type.Results
			return results.NumFields() == 1 && isPlain(f, results.List[0].Type)
		}
	case *ast.CompositeLit:
		return value.Type != nil && isPlain(f, value.Type)
	}
	return false
}

// plain are the element types of tables.
var plain = []string{"bool", "byte", "rune", "string", "uint8", "uint16", "uint32", "uint64", "int", "int8", "int16", "int32", "int64"}

// isPlain reports whether t is embed.FS, or an array of plain values.
func isPlain(f *file, t ast.Expr) bool {
	switch t := t.(type) {
	case *ast.SelectorExpr:
		return f.qualified(t) == "embed.FS"
	case *ast.ArrayType:
		return t.Len != nil && (slices.Contains(plain, types.ExprString(t.Elt)) || isPlain(f, t.Elt))
	}
	return false
}

// checkReserved: some names are for some packages.
func checkReserved(m *module) (violations []string) {
	for p, f := range m.code {
		if internal(p.rel) {
			continue
		}
		for node := range ast.Preorder(f.syntax) {
			sel, ok := node.(*ast.SelectorExpr)
			if !ok {
				continue
			}
			full := f.qualified(sel)
			if users, ok := reserved[full]; ok && !matchesAny(users, p.rel) {
				violations = append(violations, m.at(sel.Pos(), "package %s uses %s, which is not for it", p.name, full))
			}
		}
	}
	return violations
}

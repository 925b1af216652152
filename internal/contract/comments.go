package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
)

// comments are the doc comments of a package's structs, by type and, behind a dot, field.
type comments map[string]string

// readComments parses the Go files in folder. Only source has comments, so the contract can be made in a checkout alone.
func readComments(folder string) (comments, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, fmt.Errorf("list Go files in %s: %w", folder, err)
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("no Go files in %s", folder)
	}
	c := comments{}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			return nil, fmt.Errorf("parse for comments: %w", err)
		}
		for _, decl := range file.Decls {
			if types, ok := decl.(*ast.GenDecl); ok && types.Tok == token.TYPE {
				c.note(types)
			}
		}
	}
	return c, nil
}

func (c comments) note(decl *ast.GenDecl) {
	for _, spec := range decl.Specs {
		typ, ok := spec.(*ast.TypeSpec)
		if !ok {
			continue
		}
		c[typ.Name.Name] = oneLine(decl.Doc)
		fields, ok := typ.Type.(*ast.StructType)
		if !ok {
			continue
		}
		for _, field := range fields.Fields.List {
			for _, name := range field.Names {
				c[typ.Name.Name+"."+name.Name] = oneLine(field.Doc)
			}
		}
	}
}

func oneLine(doc *ast.CommentGroup) string { return strings.Join(strings.Fields(doc.Text()), " ") }

var word = regexp.MustCompile(`[A-Z]\w*`)

// of is the comment of a struct, or of one of its fields, with the names that readers of JSON see in the place of Go's.
func (c comments) of(t reflect.Type, field string) string {
	key := t.Name()
	if field != "" {
		key += "." + field
	}
	return word.ReplaceAllStringFunc(c[key], func(name string) string {
		other, ok := t.FieldByName(name)
		if !ok || name == t.Name() {
			return name
		}
		jsonName, _, _ := strings.Cut(other.Tag.Get("json"), ",")
		return jsonName
	})
}

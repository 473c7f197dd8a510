package main

import (
	"os"
	"testing"
)

func TestTypes_OfTheDashboardAreThoseOfTheAPI(t *testing.T) {
	want, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../../web/src/api/types.gen.ts")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Error("web/src/api/types.gen.ts is out of date; run make web")
	}
}

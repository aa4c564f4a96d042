package inventory

import (
	"bytes"
	"compress/flate"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/hallmark-dev/hallmark"
	"github.com/hallmark-dev/hallmark/verify"
)

// A Judgement is what a policy of today says of an artifact.
type Judgement struct {
	Entry // with the Trust that was kept

	// Now is what the policy makes of the facts that were kept. It has no signature
	// verified: see [verify.Policy.Recall].
	Now Trust
}

// Changed reports whether j's artifact is trusted now and was not, or was and is not.
func (j *Judgement) Changed() bool { return j.Trust.Trusted() != j.Now.Trusted() }

// Judge decides anew, under rule, over the artifacts that f asks for. What nobody had
// signed whom the policy of that time names stays unknown: only the envelopes can tell
// whether somebody has whom another policy names. Nothing is changed by it.
func (v *Inventory) Judge(ctx context.Context, rule Rule, f Filter) iter.Seq2[Judgement, error] {
	return answer(ctx, v, func(s *session, yield func(Judgement) bool) error {
		if rule.Policy == nil {
			return errors.New("a rule without a policy")
		}
		ids, err := s.ids(ctx, &f)
		if err != nil {
			return err
		}
		for some := range slices.Chunk(ids, firstChunk) {
			var entries []Entry
			for e, err := range s.entriesOf(ctx, some) {
				if err != nil {
					return err
				}
				entries = append(entries, e)
			}
			now, err := s.decide(ctx, &rule, entries)
			if err != nil {
				return err
			}
			for i := range entries {
				if !yield(Judgement{entries[i], now[i]}) {
					return nil
				}
			}
		}
		return nil
	})
}

// Keep keeps new verdicts instead of the old ones, all or, with an error, none. One that is
// not later than what is kept by now is passed over, and so is one of an artifact that is
// not there any more.
func (v *Inventory) Keep(ctx context.Context, judgements ...Judgement) error {
	if len(judgements) > MaxBatch {
		return fmt.Errorf("inventory: %d judgements at once, want at most %d", len(judgements), MaxBatch)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.update(ctx, func(s *session) error {
		w := &writer{session: s, seen: newSeen(), facts: make(map[hash]int32)}
		records := make([]*prepared, len(judgements))
		for i := range judgements {
			n := &judgements[i].Now.Verdict
			p := &prepared{code: verdictCode(n.Verdict)}
			var err error
			if p.verdict, err = newFact("decision", decision{n.Verdict, n.Policy, n.Reasons, n.Exceptions}); err != nil {
				return err
			}
			records[i] = p
		}
		if err := w.addVerdicts(ctx, records); err != nil {
			return err
		}
		ids := make([]int64, 0, len(judgements))
		for i := range judgements {
			ids = append(ids, judgements[i].id)
		}
		slices.Sort(ids)
		there, err := s.there(ctx, slices.Compact(ids))
		if err != nil {
			return err
		}
		rows, err := s.rows(ctx, there)
		if err != nil {
			return err
		}
		changed := make(map[int64]bool)
		for i := range judgements {
			j := &judgements[i]
			k, ok := slices.BinarySearch(there, j.id)
			if !ok {
				continue
			}
			r := &rows[k]
			if !slices.Equal(r.artifact.Digests, j.Artifact.Digests) || !j.Now.Verdict.At.After(r.decided) {
				continue
			}
			changed[j.id] = true
			r.verdict, r.decided, r.attested = w.fact(&records[i].verdict), j.Now.Verdict.At, j.Now.Contents
			err = s.exec(ctx, "UPDATE inventory_record SET verdict = ?, attested = ?, mark = NULL WHERE id = ?", records[i].code, attestedCode(r.attested), j.id)
			if err != nil {
				return err
			}
		}
		return s.rewrite(ctx, slices.DeleteFunc(rows, func(r row) bool { return !changed[r.id] }))
	})
}

// there returns those of ids that records have.
func (s *session) there(ctx context.Context, ids []int64) ([]int64, error) {
	var all []int64
	for some := range slices.Chunk(ids, chunk) {
		in, value := s.in("r.id", narrow(some))
		found, err := s.idsWhere(ctx, every, "r.contents", in, []any{value})
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// decide returns what rule says of entries.
func (s *session) decide(ctx context.Context, rule *Rule, entries []Entry) ([]Trust, error) {
	ids := make([]int64, len(entries))
	for i := range entries {
		ids[i] = entries[i].id
	}
	type kept struct {
		evidence []byte
		inputs   int32
		attested string
	}
	of := make(map[int64]kept, len(ids))
	in, value := s.in("id", narrow(ids))
	err := s.query(ctx, func(rows *sql.Rows) error {
		var id int64
		var k kept
		err := rows.Scan(&id, &k.evidence, &k.inputs, &k.attested)
		of[id] = k
		return err
	}, "SELECT id, evidence, inputs, sbom FROM inventory_record WHERE "+in, value)
	if err != nil {
		return nil, err
	}
	at := s.v.o.Now()
	if rule.Policy.Now != nil {
		at = rule.Policy.Now()
	}
	out := make([]Trust, len(entries))
	inputs := make(map[int32][]Input)
	for i := range entries {
		k := of[entries[i].id]
		evidence, err := unpack(k.evidence)
		if err != nil {
			return nil, err
		}
		list, ok := inputs[k.inputs]
		if !ok && k.inputs != 0 {
			if list, err = s.inputs(ctx, k.inputs); err != nil {
				return nil, err
			}
			inputs[k.inputs] = list
		}
		if err := restore(evidence, list); err != nil {
			return nil, fmt.Errorf("%w: %w", errDamaged, err)
		}
		if out[i], err = judge(ctx, rule, entries[i], evidence, k.attested, at); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// judgeThese sets the Trust of entries to what rule says of them.
func (s *session) judgeThese(ctx context.Context, rule *Rule, entries []Entry) error {
	now, err := s.decide(ctx, rule, entries)
	for i := range now {
		entries[i].Trust = now[i]
	}
	return err
}

// judge returns what rule says of e on evidence. attested is what the SBOM's statement was
// signed as, or empty.
func judge(ctx context.Context, rule *Rule, e Entry, evidence []verify.Evidence, attested string, at time.Time) (Trust, error) {
	r := rule.Policy.Recall(ctx, e.Artifact, evidence...)
	if ctx.Err() != nil {
		return Trust{}, context.Cause(ctx)
	}
	t := Trust{Verdict: verdictOf(r, *rule, at), Contents: e.Trust.Contents}
	if t.Contents == NoSBOM {
		return t, nil
	}
	t.Contents = Unattested
	for _, one := range evidence {
		if attested == "" || one.Signed.String() != attested {
			continue
		}
		// What cannot be told is not attested.
		if mine, err := rule.Policy.Recalls(one); mine && err == nil {
			t.Contents = Attested
		}
	}
	return t, nil
}

// inputs returns the inputs that are in a set.
func (s *session) inputs(ctx context.Context, set int32) ([]Input, error) {
	t, err := s.treeOf(ctx, set)
	if err != nil {
		return nil, err
	}
	var all []Input
	in, value := s.in("id", t.parts)
	err = s.query(ctx, func(rows *sql.Rows) error {
		var data sql.RawBytes
		if err := rows.Scan(&data); err != nil {
			return err
		}
		one, err := parseInput(string(data))
		all = append(all, one)
		return err
	}, "SELECT data FROM inventory_part WHERE "+in+" ORDER BY id", value)
	return all, err
}

// treeOf returns the tree of a set.
func (s *session) treeOf(ctx context.Context, set int32) (*tree, error) {
	base, data, err := int32(0), []byte(nil), error(nil)
	get := func(id int32) error {
		data = nil
		err := s.query(ctx, func(rows *sql.Rows) error { return rows.Scan(&base, &data) }, "SELECT base, tree FROM inventory_set WHERE id = ?", int64(id))
		if err == nil && data == nil {
			err = fmt.Errorf("%w: a set is missing", errDamaged)
		}
		return err
	}
	if err = get(set); err != nil || base == 0 {
		if err != nil {
			return nil, err
		}
		return parseTree(string(data))
	}
	var p patch
	if err := p.parse(string(data)); err != nil {
		return nil, err
	}
	if err := get(base); err != nil {
		return nil, err
	}
	t, err := parseTree(string(data))
	if err != nil {
		return nil, err
	}
	return p.apply(t)
}

// unpack returns evidence that was packed.
func unpack(data []byte) ([]verify.Evidence, error) {
	if len(data) == 0 {
		return nil, nil
	}
	const most = maxList * 2 * maxPayload
	text, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(data)), most))
	if err != nil {
		return nil, fmt.Errorf("%w: evidence: %w", errDamaged, err)
	}
	var evidence []verify.Evidence
	if err := json.Unmarshal(text, &evidence); err != nil {
		return nil, fmt.Errorf("%w: evidence: %w", errDamaged, err)
	}
	for i := range evidence {
		if evidence[i].Signed == (hallmark.Digest{}) {
			evidence[i].Signed = signed(&evidence[i])
		}
	}
	return evidence, nil
}

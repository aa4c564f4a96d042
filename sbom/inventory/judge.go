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

	generation int64 // of the tables
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
		generation, err := s.generation(ctx)
		if err != nil {
			return err
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
				if !yield(Judgement{entries[i], now[i], generation}) {
					return nil
				}
			}
		}
		return nil
	})
}

// Keep keeps new verdicts instead of the old ones, all or, with an error, none. One that is
// not later than what is kept by now is passed over. They must be what [Inventory.Judge]
// has made of the same tables: if these have been dropped since, that is an error.
//
// Judge holds a connection, and with SQLite and without WAL nobody can write before it has
// ended: collect what is to be kept first.
func (v *Inventory) Keep(ctx context.Context, judgements ...Judgement) error {
	if len(judgements) > MaxBatch {
		return fmt.Errorf("inventory: %d judgements at once, want at most %d", len(judgements), MaxBatch)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.update(ctx, func(s *session) error {
		w := &writer{session: s, seen: newSeen(), facts: make(map[hash]int32)}
		verdicts := make([]*fact, len(judgements))
		generation, err := s.generation(ctx)
		if err != nil {
			return err
		}
		for i := range judgements {
			n := &judgements[i].Now.Verdict
			if err := errors.Join(n.check(), v.early(n.At)); err != nil {
				return fmt.Errorf("judgement %d: %w", i, err)
			}
			if judgements[i].generation != generation {
				return fmt.Errorf("judgement %d is not one of what is in these tables: judge anew", i)
			}
			f := n.fact()
			verdicts[i] = &f
		}
		if err := w.intern(ctx, verdicts); err != nil {
			return err
		}
		ids := make([]int64, 0, len(judgements))
		for i := range judgements {
			ids = append(ids, judgements[i].id)
		}
		slices.Sort(ids)
		ids = slices.Compact(ids)
		statements, err := s.statements(ctx, ids)
		if err != nil {
			return err
		}
		rows, err := s.rows(ctx, ids)
		if err != nil {
			return err
		}
		changed := make(map[int64]bool)
		for i := range judgements {
			j := &judgements[i]
			k, _ := slices.BinarySearch(ids, j.id)
			r := &rows[k]
			if micros(j.Now.Verdict.At) <= micros(r.decided) {
				continue
			}
			switch { // Nothing can make an SBOM of none, nor evidence.
			case r.attested == NoSBOM:
			case j.Now.Contents == Attested && statements[j.id] != "":
				r.attested = Attested
			default:
				r.attested = Unattested
			}
			changed[j.id] = true
			r.verdict, r.decided = w.factOf(verdicts[i]), j.Now.Verdict.At
			err = s.exec(ctx, "UPDATE inventory_record SET verdict = ?, attested = ? WHERE id = ?", verdictCode(j.Now.Verdict.Verdict), attestedCode(r.attested), j.id)
			if err != nil {
				return err
			}
		}
		return s.rewrite(ctx, slices.DeleteFunc(rows, func(r row) bool { return !changed[r.id] }))
	})
}

// statements returns what the SBOMs of records were signed as, which is empty for those that
// nobody has signed.
func (s *session) statements(ctx context.Context, ids []int64) (map[int64]string, error) {
	all := make(map[int64]string)
	for some := range slices.Chunk(ids, chunk) {
		in, value := s.in("id", narrow(some))
		err := s.query(ctx, func(rows *sql.Rows) error {
			var id int64
			var text string
			err := rows.Scan(&id, &text)
			all[id] = text
			return err
		}, "SELECT id, sbom FROM inventory_record WHERE "+in, value)
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// generation is a number that other tables do not have.
func (s *session) generation(ctx context.Context) (int64, error) {
	return s.number(ctx, "SELECT value FROM inventory_meta WHERE name = 'generation'")
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
	now := s.v.o.Now()
	at := now
	if rule.Policy.Now != nil {
		at = rule.Policy.Now()
	}
	out := make([]Trust, len(entries))
	inputs := make(map[int32][]Input)
	for i := range entries {
		k, ok := of[entries[i].id]
		if !ok {
			return nil, fmt.Errorf("%w: a record is missing", errDamaged)
		}
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
		err = restore(evidence, list)
		if out[i], err = judge(ctx, rule, entries[i], evidence, k.attested, at, err); err != nil {
			return nil, err
		}
		out[i].Lapsed = out[i].Verdict.lapsed(now)
	}
	return out, nil
}

// judgeThese sets the Trust of entries to what rule says of them.
func (s *session) judgeThese(ctx context.Context, rule *Rule, entries []Entry) error {
	for some := range slices.Chunk(entries, firstChunk) {
		now, err := s.decide(ctx, rule, some)
		if err != nil {
			return err
		}
		for i := range some {
			some[i].Trust = now[i]
		}
	}
	return nil
}

// judge returns what rule says of e on evidence. attested is what the SBOM's statement was
// signed as, or empty. If the evidence could not be restored nothing can be said.
func judge(ctx context.Context, rule *Rule, e Entry, evidence []verify.Evidence, attested string, at time.Time, failed error) (Trust, error) {
	r := &verify.Report{Verdict: verify.Undecided}
	if failed != nil {
		r.Error = "the evidence that was kept cannot be read: " + failed.Error()
	} else {
		r = rule.Policy.Recall(ctx, e.Artifact, evidence...)
	}
	if ctx.Err() != nil {
		return Trust{}, context.Cause(ctx)
	}
	t := Trust{Verdict: verdictOf(r, *rule, at), Contents: e.Trust.Contents}
	if t.Contents == NoSBOM {
		return t, nil
	}
	t.Contents = Unattested
	if d, err := hallmark.ParseDigest(attested); err == nil && recalls(rule.Policy, evidence, d) {
		t.Contents = Attested
	}
	return t, nil
}

// inputs returns the inputs that are in a set.
func (s *session) inputs(ctx context.Context, set int32) ([]Input, error) {
	parts, err := s.partsOf(ctx, set)
	if err != nil {
		return nil, err
	}
	var all []Input
	in, value := s.in("id", parts)
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

// partsOf returns the parts of a set.
func (s *session) partsOf(ctx context.Context, set int32) ([]int32, error) {
	var id int32
	var patched, data []byte
	err := s.query(ctx, func(rows *sql.Rows) error {
		return rows.Scan(&id, &patched)
	}, "SELECT tree, patch FROM inventory_set WHERE id = ?", int64(set))
	if err == nil && patched == nil {
		err = fmt.Errorf("%w: a set is missing", errDamaged)
	}
	if err != nil {
		return nil, err
	}
	var p patch
	if err := p.parse(patched); err != nil {
		return nil, err
	}
	if id == 0 {
		return p.apply(bare())
	}
	err = s.query(ctx, func(rows *sql.Rows) error { return rows.Scan(&data) }, "SELECT data FROM inventory_tree WHERE id = ?", int64(id))
	if err == nil && data == nil {
		err = fmt.Errorf("%w: a tree is missing", errDamaged)
	}
	if err != nil {
		return nil, err
	}
	kept, err := openTree(string(data))
	if err != nil {
		return nil, err
	}
	t, err := kept.whole()
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
	text, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(data)), maxRecord))
	if err != nil {
		return nil, fmt.Errorf("%w: evidence: %w", errDamaged, err)
	}
	r := reader[string]{data: string(text)}
	payloads := r.texts()
	var evidence []verify.Evidence
	if err := json.Unmarshal([]byte(r.rest()), &evidence); err != nil {
		return nil, fmt.Errorf("%w: evidence: %w", errDamaged, err)
	}
	if r.failed || len(evidence) != len(payloads) {
		return nil, fmt.Errorf("%w: evidence", errDamaged)
	}
	for i := range evidence {
		evidence[i].Payload = []byte(payloads[i])
		if evidence[i].Signed == (hallmark.Digest{}) {
			evidence[i].Signed = signed(&evidence[i])
		}
	}
	return evidence, nil
}

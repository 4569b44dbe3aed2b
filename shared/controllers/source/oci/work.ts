import type { OCIRepository } from '../../../api/source/oci-repository.ts';
import type { SourceWork } from '../source.ts';
import type { OciAccess } from './access.ts';
import type { ResolvedOci } from './reference.ts';

/** What the steps of one reconcile find out. */
export interface OciWork extends SourceWork<OCIRepository> {
  access?: OciAccess;
  resolved?: ResolvedOci;
}

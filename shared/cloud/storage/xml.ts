import { StorageError } from './object-storage.ts';

/** An element: its text, and the elements in it by order. Attributes are those of few elements and kept as text. */
export interface XmlElement {
  name: string;
  attributes: string;
  text: string;
  children: XmlElement[];
}

const entities: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
/** Storages nest four deep; a hundred is an attack. */
const maxDepth = 100;

/**
 * Parses the XML of a storage's answer: elements, text, CDATA and the five entities. No document types and no entities of
 * the document's own, which is where XML can harm. Throws StorageError InvalidAnswer.
 */
export function parseXml(source: string, where: string): XmlElement {
  const root: XmlElement = { name: '', attributes: '', text: '', children: [] };
  const open = [root];
  const token =
    /<(?:\?[^>]*\?|!--[\s\S]*?--|!\[CDATA\[([\s\S]*?)\]\]|(\/?)([A-Za-z_][\w:.-]*)([^<>]*?)(\/?))>|([^<]+)/y;
  token.lastIndex = source.charCodeAt(0) === 0xfeff ? 1 : 0;
  for (let at = token.lastIndex; at < source.length; at = token.lastIndex) {
    const found = token.exec(source);
    if (!found) throw notXml(where);
    const [, cdata, closing, name, attributes = '', empty, text] = found;
    const current = open.at(-1)!;
    if (cdata !== undefined) current.text += cdata;
    else if (text !== undefined) current.text += decode(text, where);
    else if (name !== undefined && closing) {
      if (open.length === 1 || current.name !== local(name)) throw notXml(where);
      open.pop();
    } else if (name !== undefined) {
      const element: XmlElement = { name: local(name), attributes, text: '', children: [] };
      current.children.push(element);
      if (!empty) open.push(element);
      if (open.length > maxDepth) throw notXml(where);
    }
  }
  const [document] = root.children;
  if (open.length !== 1 || !document || root.children.length !== 1) throw notXml(where);
  return document;
}

/** The text of the first element of that name; '' without one. */
export function textOf(element: XmlElement, name: string): string {
  return element.children.find(child => child.name === name)?.text ?? '';
}

/** Without the namespace's prefix. */
function local(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}

function decode(text: string, where: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&([^;&]{0,10});?/g, (_, entity: string) => {
    const numeric = /^#(?:x([0-9a-fA-F]+)|([0-9]+))$/.exec(entity);
    const code = numeric ? Number.parseInt(numeric[1] ?? numeric[2]!, numeric[1] ? 16 : 10) : undefined;
    const value = code === undefined ? entities[entity] : code <= 0x10ffff ? String.fromCodePoint(code) : undefined;
    if (value === undefined) throw notXml(where);
    return value;
  });
}

function notXml(where: string): StorageError {
  return new StorageError(
    'InvalidAnswer',
    `${where} answers with what is no XML of a storage; is spec.endpoint right?`,
  );
}

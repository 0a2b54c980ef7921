import { describe, expect, test } from 'vitest';
import { receiverFault } from '../../../src/core/events/receiver-url.ts';

const refused = [
  ...['hooks.example', 'ftp://hooks.example.com', 'https:hooks.example.com', 'https://', ''],
  ...['https://hooks.example.com\\@10.0.0.1/', ' https://hooks.example.com', 'https://a b.example'],
  ...['http://hooks.example.com/', 'https://user:pass@hooks.example.com/', 'https://x.example/#a'],
  ...['https://user@hooks.example.com/', 'https://:pass@hooks.example.com/'],
  ...['https://localhost/', 'https://LOCALHOST:8443', 'https://localhost./', 'https://a.localhost'],
  ...[
    'https://localhost../',
    'https://a.localhost...',
    'https://intranet..',
    'https://10.0.0.1../',
  ],
  ...['https://127.0.0.1/', 'https://127.1/', 'https://2130706433/', 'https://0x7f.1/'],
  ...[
    'https://0177.0.0.1/',
    'https://0x7f000001/',
    'https://127.0.0.1./',
    'https://%31%32%37.0.0.1',
  ],
  ...['https://１２７.0.0.1/', 'https://127。0。0。1/', 'https://0/', 'https://0.0.0.0/'],
  ...['https://10.0.0.1/', 'https://10.255.255.255', 'https://167772161/', 'https://172.16.0.1'],
  ...['https://172.31.255.255', 'https://192.168.1.1', 'https://169.254.169.254/latest/meta-data'],
  ...['https://100.64.0.1', 'https://100.127.255.255', 'https://192.0.0.1', 'https://192.0.2.1'],
  ...[
    'https://198.18.0.1',
    'https://198.19.255.255',
    'https://198.51.100.1',
    'https://203.0.113.1',
  ],
  ...['https://224.0.0.1', 'https://240.0.0.1', 'https://255.255.255.255', 'https://192.88.99.1'],
  ...['https://[::1]/', 'https://[0:0:0:0:0:0:0:1]', 'https://[::]', 'https://[::ffff:127.0.0.1]'],
  ...['https://[::ffff:10.0.0.1]', 'https://[::ffff:a00:1]', 'https://[::127.0.0.1]'],
  ...['https://[fe80::1]', 'https://[fc00::1]', 'https://[fd12:3456::1]', 'https://[ff02::1]'],
  ...['https://[fec0::1]', 'https://[64:ff9b::10.0.0.1]', 'https://[64:ff9b:1::1]'],
  ...[
    'https://[2001:db8::1]',
    'https://[2001::1]',
    'https://[2001:10::1]',
    'https://[2002:a00:1::]',
  ],
  ...['https://[3fff::1]', 'https://[100::1]', 'https://intranet', 'https://printer.local'],
  ...['https://db.internal/', 'https://nas.lan', 'https://router.home.arpa'],
  ...['https://8.8.8.8.local/', 'https://[1fff:ffff::1]', 'https://[4000::1]'],
];

test.each(refused)('receiverFault() refuses %j', (url) => {
  const fault = receiverFault(url, false);
  expect(fault?.reason).toMatch(/./);
  expect(fault?.fix).toMatch(/./);
});

test.each([
  ...[
    'https://hooks.example.com',
    'https://hooks.example.com:8443/a/b?c=d',
    'https://EXAMPLE.com/',
  ],
  ...['https://8.8.8.8/', 'https://172.15.255.255', 'https://172.32.0.1', 'https://100.63.255.255'],
  ...[
    'https://100.128.0.1',
    'https://9.255.255.255',
    'https://11.0.0.1',
    'https://223.255.255.255',
  ],
  ...[
    'https://[2606:4700::1111]/',
    'https://[2001:200::1]',
    'https://[2a00::1]',
    'https://[3fff:1000::1]',
    'https://[2000::1]',
  ],
  ...[
    'https://127.0.0.1.example.com/',
    'https://local.example.com',
    'https://x.local.example.com',
    'https://db.internal.example.com',
    'https://1.2.3.4.example',
    'https://hooks.example.com/@user',
    'https://hooks.example.com/?to=https://user:pass@other.example',
    'https://xn--nxasmq6b.example',
  ],
])('receiverFault() accepts %j', (url) => {
  expect(receiverFault(url, false)).toBeNull();
});

describe('on the machine of a developer', () => {
  test.each([
    ...[
      'http://localhost:9000/hook',
      'http://127.0.0.1:9000',
      'https://[::1]:9000/',
      'http://127.1/',
      'http://127.10.20.30:9000',
    ],
  ])('receiverFault() accepts %j', (url) => {
    expect(receiverFault(url, true)).toBeNull();
    expect(receiverFault(url, false)).not.toBeNull();
  });

  test.each([
    'http://10.0.0.1/',
    'https://192.168.0.1',
    'http://hooks.example.com',
    'https://[fe80::1]',
    'http://user@localhost:9000',
    'http://:pass@127.0.0.1:9000',
    'http://localhost:9000/#a',
  ])('receiverFault() still refuses %j', (url) => {
    expect(receiverFault(url, true)).not.toBeNull();
  });
});
